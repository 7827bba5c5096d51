"""SET: weights grow at random."""

import numpy as np

from keras_hadamard.pruning._criteria.dynamic import Dynamic


class SparseEvolution(Dynamic):
    """Sparse evolutionary training, in which weights grow at random."""

    def growth(self, index: int, step: int) -> np.ndarray:
        shape = tuple(self.kernels[index].variable.shape)
        return np.random.default_rng([self.seed, index, step]).random(shape)
