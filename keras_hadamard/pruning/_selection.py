"""Selection of the most important weights, exactly as many as the sparsity leaves."""

from collections.abc import Sequence

import numpy as np


def select_n_of_m(importance: np.ndarray, kept: int, m: int) -> np.ndarray:
    """The `kept` greatest of each `m` consecutive inputs of a view, and of an incomplete rest."""
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
    """Masks of groups, such that the least important are pruned up to `sparsity`, never more.

    All arrays are compared with each other. `sizes` are the weights in a group of each. At least
    one group of every array stays, and among equally important ones the later ones are pruned
    first.
    """
    flat = [importance.ravel() for importance in importances]
    values = flat[0] if len(flat) == 1 else np.concatenate(flat)
    weights = sum(part.size * size for part, size in zip(flat, sizes, strict=True))
    budget = int(sparsity * weights + 1e-9)
    if len(set(sizes)) == 1:
        mask = _greatest(values, values.size - budget // sizes[0])
    else:
        order = np.argsort(values[::-1], kind="stable")
        order = values.size - 1 - order
        spent = np.cumsum(np.repeat(sizes, [part.size for part in flat])[order])
        mask = np.ones(values.size, bool)
        mask[order[spent <= budget]] = False
    kept = np.split(mask, np.cumsum([part.size for part in flat])[:-1])
    for part, importance in zip(kept, flat, strict=True):
        if not part.any():
            part[np.argmax(importance)] = True
    return [part.reshape(i.shape) for part, i in zip(kept, importances, strict=True)]


def _greatest(values: np.ndarray, count: int) -> np.ndarray:
    """The mask of the `count` greatest values; among equal ones, the first."""
    if count == values.size:
        return np.ones(values.size, bool)
    # Comparisons of whole arrays, which are much faster than lists of positions.
    place = values.size - count - 1
    limit = np.partition(values, place)[place]
    mask = values > limit
    missing = count - int(np.count_nonzero(mask))
    if missing:
        mask[np.flatnonzero(values == limit)[:missing]] = True
    return mask
