"""SparseGPT of a matrix: the weights after a pruned one compensate its error."""

from collections.abc import Callable

import numpy as np

from keras_hadamard.pruning._structures import Structure

Columns = list[list[int]]
Choose = Callable[[np.ndarray], np.ndarray]


def sparsegpt(
    weights: np.ndarray,
    hessian: np.ndarray,
    old: np.ndarray,
    columns: Columns,
    choose: Choose,
    block_size: int,
    damping: float,
) -> tuple[np.ndarray, np.ndarray]:
    """New weights `(outputs, inputs)` and their mask, from the Hessian of the inputs.

    `columns` are the groups of inputs that are compared with each other, or single inputs: then
    `choose` decides for a whole block. It turns saliences, -1 where the old mask has pruned, into a
    mask.
    """
    weights = np.where(old, weights, 0.0).astype("float64")
    inverse = _inverse_factor(weights, hessian, damping)
    mask = old.copy()
    grouped = any(len(group) > 1 for group in columns)
    for block in _blocks(columns, block_size):
        first, last = block[0][0], block[-1][-1] + 1
        errors = np.zeros((len(weights), last - first))
        if not grouped:
            mask[:, first:last] &= choose(_salience(weights, inverse, old, first, last))
        for group in block:
            if grouped:
                start, stop = group[0], group[-1] + 1
                mask[:, start:stop] &= choose(_salience(weights, inverse, old, start, stop))
            for j in group:
                error = np.where(mask[:, j], 0.0, weights[:, j]) / inverse[j, j]
                weights[:, j:last] -= error[:, None] * inverse[j, j:last]
                weights[~mask[:, j], j] = 0.0
                errors[:, j - first] = error
        # Later blocks get the errors of this one all at once, by a matrix product.
        weights[:, last:] -= errors @ inverse[first:last, last:]
    return np.where(mask, weights, 0.0), mask


def columns_of(inputs: int, view_inputs: int, structure: Structure) -> Columns:
    """The inputs in groups: M consecutive ones of a position, or single ones."""
    size = structure.sizes[1] if structure.kind == "n:m" else 1
    return [
        list(range(start, min(start + size, position + view_inputs)))
        for position in range(0, inputs, view_inputs)
        for start in range(position, position + view_inputs, size)
    ]


def chooser(structure: Structure, sparsity: float) -> Choose:
    """Keeps the most salient: N of a row's M, or a share of a whole block."""

    def n_of_m(salience: np.ndarray) -> np.ndarray:
        order = np.argsort(-salience, axis=1, kind="stable")
        mask = np.zeros(salience.shape, bool)
        np.put_along_axis(mask, order[:, : structure.sizes[0]], True, axis=1)
        return mask

    def share(salience: np.ndarray) -> np.ndarray:
        order = np.argsort(-salience, axis=None, kind="stable")
        mask = np.zeros(salience.size, bool)
        mask[order[: salience.size - int(sparsity * salience.size + 1e-9)]] = True
        return mask.reshape(salience.shape)

    return n_of_m if structure.kind == "n:m" else share


def _salience(
    weights: np.ndarray, inverse: np.ndarray, old: np.ndarray, first: int, last: int
) -> np.ndarray:
    salience = np.square(weights[:, first:last] / np.diag(inverse)[first:last])
    return np.where(old[:, first:last], salience, -1.0)


def _inverse_factor(weights: np.ndarray, hessian: np.ndarray, damping: float) -> np.ndarray:
    """The upper factor `U` of the inverse, `U^T U = H^-1`."""
    hessian = hessian.copy()
    places = np.arange(len(hessian))
    dead = np.diag(hessian) == 0
    # Inputs that are always zero say nothing about their weights: these are pruned.
    weights[:, dead] = 0.0
    hessian[dead, dead] = 1.0
    hessian[places, places] += damping * np.mean(np.diag(hessian))
    return np.linalg.cholesky(np.linalg.inv(hessian)).T


def _blocks(columns: Columns, size: int) -> list[Columns]:
    """Groups joined to blocks of at most `size` inputs, or of one group."""
    blocks: list[Columns] = []
    for group in columns:
        if blocks and group[-1] - blocks[-1][0][0] < size:
            blocks[-1].append(group)
        else:
            blocks.append([group])
    return blocks
