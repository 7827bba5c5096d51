"""Wanda: weights by their magnitude times the norm of their inputs, output by output."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard.pruning._criteria.calibrated import Calibrated
from keras_hadamard.pruning._selection import select_n_of_m

# Outputs ranked at a time: more are faster, and take more memory.
OUTPUTS_AT_ONCE = 64


class Wanda(Calibrated):
    """The most important inputs of each output, among those that the old mask keeps."""

    def add_norms(self) -> None:
        self.masks.norms = [
            self.masks.state(f"norms_{i}", self.masks.variable_dtype, reading.sizes[:2])
            for i, reading in enumerate(self.readings)
        ]

    def learn(self, model: Any, passes: Any, norms: Any, order: Any, **options: Any) -> None:
        for variable, norm in zip(self.masks.norms, norms, strict=True):
            variable.assign(norm)

    def masks_by_data(self, old: Sequence[np.ndarray], step: int) -> Iterable[np.ndarray]:
        shares = self.sparsities(step)
        return (self._mask(index, mask, shares[index]) for index, mask in enumerate(old))

    def _mask(self, index: int, old: np.ndarray, sparsity: float) -> np.ndarray:
        kernel, reading = self.kernels[index], self.readings[index]
        norms = ops.convert_to_numpy(self.masks.norms[index]).astype("float64")
        weights = reading.to_groups(ops.convert_to_numpy(kernel.variable))
        left = reading.to_groups(old)
        if self.structure.kind == "n:m":
            n, m = self.structure.sizes
            kept = max(n, m - int(sparsity * m + 1e-9))
            importance = _importance(weights, norms, left)
            view = kernel.to_view(reading.from_groups(importance, old.shape))
            return kernel.from_view(select_n_of_m(view, kept, m)) & old
        inputs, outputs = weights.shape[1:]
        kept = inputs - int(sparsity * inputs + 1e-9)
        mask = np.zeros(weights.shape, bool)
        for start in range(0, outputs, OUTPUTS_AT_ONCE):
            some = np.s_[..., start : start + OUTPUTS_AT_ONCE]
            importance = _importance(weights[some], norms, left[some])
            order = np.argsort(-importance, axis=1, kind="stable")
            np.put_along_axis(mask[some], order[:, :kept], True, axis=1)
        return reading.from_groups(mask, old.shape) & old


def _importance(weights: np.ndarray, norms: np.ndarray, left: np.ndarray) -> np.ndarray:
    importance = np.abs(weights.astype("float64"))
    importance *= norms[:, :, None]
    importance[~left] = -1.0
    return importance
