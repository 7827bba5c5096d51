"""Magnitude: the greatest weights stay."""

import numpy as np
from keras import ops

from keras_hadamard._core.introspection.kernels import Kernel
from keras_hadamard.pruning._criteria.importance import Importance


class Magnitude(Importance):
    """Weights by their size, groups of them by their root mean square."""

    def importance(self, index: int, kernel: Kernel) -> np.ndarray:
        weights = kernel.to_view(ops.convert_to_numpy(kernel.variable))
        if not self.structure.grouped:
            return np.abs(weights)
        return np.sqrt(self.structure.reduce(np.square(weights.astype("float64")), np.nanmean))
