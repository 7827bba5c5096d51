"""Random choice: any weights stay."""

import numpy as np

from keras_hadamard._core.introspection.kernels import Kernel
from keras_hadamard.pruning._criteria.importance import Importance


class RandomChoice(Importance):
    """The same numbers at every step, so that later masks contain the earlier ones."""

    def importance(self, index: int, kernel: Kernel) -> np.ndarray:
        groups = self.structure.reduce(np.zeros(kernel.view), np.nanmin)
        return np.random.default_rng([self.seed, index]).random(groups.shape)
