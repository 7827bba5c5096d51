"""Which weights stay: the most important ones, exactly as many as the sparsity leaves."""

from collections.abc import Sequence

import numpy as np

from keras_hadamard.pruning._kernels import Kernel
from keras_hadamard.pruning._structures import Structure


def magnitude(structure: Structure, view: np.ndarray) -> np.ndarray:
    """The root mean square of each group, which for single weights is the magnitude."""
    if structure.kind in ("weight", "n:m"):
        return np.abs(view)
    square = np.square(view.astype("float64"))
    return np.sqrt(structure.reduce(square, np.nanmean))


def score(structure: Structure, view: np.ndarray) -> np.ndarray:
    """The mean score of each group."""
    return structure.reduce(view, np.nanmean)


def noise(structure: Structure, kernel: Kernel, seed: int, index: int) -> np.ndarray:
    """Random numbers that are the same at every step, so that what is pruned stays pruned."""
    groups = structure.reduce(np.zeros(kernel.view, "int8"), np.min)
    return np.random.default_rng([seed, index]).random(groups.shape)


def select_n_of_m(importance: np.ndarray, kept: int, m: int) -> np.ndarray:
    """The `kept` greatest of each `m` consecutive inputs of a view; an incomplete rest likewise."""
    positions, inputs, outputs = importance.shape
    padded = np.pad(
        importance.astype("float64"), ((0, 0), (0, -inputs % m), (0, 0)), constant_values=-np.inf
    )
    groups = padded.reshape(positions, -1, m, outputs)
    order = np.argsort(-groups, axis=2, kind="stable")
    mask = np.zeros(groups.shape, bool)
    np.put_along_axis(mask, order[:, :, :kept], True, axis=2)
    return mask.reshape(padded.shape)[:, :inputs]


def select(
    importances: Sequence[np.ndarray], sizes: Sequence[int], sparsity: float
) -> list[np.ndarray]:
    """Masks of groups, such that the least important are pruned up to `sparsity` and not beyond.

    All arrays are compared with each other. `sizes` are the weights in a group of each. Of every
    array one group stays, and of equal importance the later ones go first.
    """
    flat = np.concatenate([i.ravel() for i in importances])
    budget = int(sparsity * sum(i.size * s for i, s in zip(importances, sizes, strict=True)) + 1e-9)
    if len(set(sizes)) == 1:
        pruned = _least(flat, budget // sizes[0])
    else:
        order = np.argsort(flat[::-1], kind="stable")
        order = flat.size - 1 - order
        weights = np.repeat(sizes, [i.size for i in importances])[order]
        pruned = order[np.cumsum(weights) <= budget]
    mask = np.ones(flat.size, bool)
    mask[pruned] = False
    kept = np.split(mask, np.cumsum([i.size for i in importances])[:-1])
    for part, importance in zip(kept, importances, strict=True):
        if not part.any():
            part[np.argmax(importance)] = True
    return [p.reshape(i.shape) for p, i in zip(kept, importances, strict=True)]


def _least(values: np.ndarray, count: int) -> np.ndarray:
    """The positions of the `count` least values, of equal ones the later."""
    if count == 0:
        return np.zeros(0, int)
    limit = np.partition(values, count - 1)[count - 1]
    below = np.flatnonzero(values < limit)
    equal = np.flatnonzero(values == limit)
    return np.concatenate([below, equal[equal.size - (count - below.size) :]])
