"""Wanda: weights by their size times that of the inputs they meet, output by output."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._introspection.kernels import Kernel
from keras_hadamard.pruning._calibration import Passes
from keras_hadamard.pruning._readings import Reading
from keras_hadamard.pruning._selection import select_n_of_m
from keras_hadamard.pruning._structures import Structure


def input_norms(
    model: keras.Model, readings: Sequence[Reading], passes: Passes
) -> tuple[list[np.ndarray], list[int]]:
    """The norm of each input of each kernel, and the kernels in the order of their calls."""
    squares = [np.zeros(reading.sizes[:2]) for reading in readings]
    counts = [0] * len(readings)
    order: list[int] = []

    def record(place: int, rows: np.ndarray, examples: int) -> None:
        if not counts[place]:
            order.append(place)
        squares[place] += np.square(rows, dtype="float64").sum(axis=0)
        counts[place] += len(rows)

    passes.run(model, readings, record)
    # Of the mean, which is the same order and fits in float32.
    return [np.sqrt(s / max(1, n)) for s, n in zip(squares, counts, strict=True)], order


def wanda_mask(
    kernel: Kernel,
    reading: Reading,
    norms: Any,
    old: np.ndarray,
    structure: Structure,
    sparsity: float,
) -> np.ndarray:
    """The most important inputs of each output, of those that the old mask leaves."""
    weights = reading.to_groups(ops.convert_to_numpy(kernel.variable).astype("float64"))
    importance = np.abs(weights) * np.asarray(norms, "float64")[:, :, None]
    importance[~reading.to_groups(old)] = -1.0
    if structure.kind == "n:m":
        n, m = structure.sizes
        kept = max(n, m - int(sparsity * m + 1e-9))
        view = kernel.to_view(reading.from_groups(importance, old.shape))
        return kernel.from_view(select_n_of_m(view, kept, m)) & old
    inputs = importance.shape[1]
    order = np.argsort(-importance, axis=1, kind="stable")
    mask = np.zeros(importance.shape, bool)
    kept = inputs - int(sparsity * inputs + 1e-9)
    np.put_along_axis(mask, order[:, :kept], True, axis=1)
    return reading.from_groups(mask, old.shape) & old
