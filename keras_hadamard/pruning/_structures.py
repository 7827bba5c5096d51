"""Structures that are pruned as a whole: single weights, N of M, filters, channels, blocks.

A structure reduces the view `(positions, inputs, outputs)` of a kernel to one value a group, and
spreads the decision about a group over its weights.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received

Reduce = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Structure:
    """`kind` is `weight`, `n:m`, `filter`, `channel` or `block`; `sizes` N, M or rows, columns."""

    kind: str
    sizes: tuple[int, int] = (0, 0)

    @property
    def grouped(self) -> bool:
        """Whether weights are pruned in groups, and not one by one."""
        return self.kind in ("filter", "channel", "block")

    def reduce(self, values: np.ndarray, how: Reduce) -> np.ndarray:
        """One value for each group of a view, by `how(values, axis=...)`."""
        if self.kind == "filter":
            return how(values, axis=(0, 1))
        if self.kind == "channel":
            return how(values, axis=(0, 2))
        if self.kind == "block":
            return how(self._blocks(values), axis=(1, 3))
        return values

    def spread(self, kept: np.ndarray, view: tuple[int, int, int]) -> np.ndarray:
        """The decision about groups, for each weight of a view."""
        if self.kind == "filter":
            return np.broadcast_to(kept[None, None, :], view)
        if self.kind == "channel":
            return np.broadcast_to(kept[None, :, None], view)
        if self.kind == "block":
            rows, columns = self.sizes
            whole = kept.repeat(rows, 0).repeat(columns, 1)
            return whole[: view[0] * view[1], : view[2]].reshape(view)
        return kept.reshape(view)

    def check(self, final_sparsity: float, scope: str) -> None:
        """Refuses a schedule or a scope that `N:M` does not support."""
        if self.kind != "n:m":
            return
        n, m = self.sizes
        if abs(final_sparsity - (1 - n / m)) > 1e-6:
            raise received(
                f"a schedule that ends at {1 - n / m:g}, the sparsity of {n}:{m}",
                final_sparsity=final_sparsity,
            )
        if scope != "layer":
            raise received(f"scope 'layer': {n}:{m} prunes all kernels alike", scope=scope)

    def _blocks(self, values: np.ndarray) -> np.ndarray:
        rows, columns = self.sizes
        matrix = values.reshape(-1, values.shape[-1])
        # NaN, so that incomplete blocks at the edges are judged by their own weights only.
        padding = [(0, -size % block) for size, block in zip(matrix.shape, self.sizes, strict=True)]
        matrix = np.pad(matrix.astype("float64"), padding, constant_values=np.nan)
        return matrix.reshape(matrix.shape[0] // rows, rows, -1, columns)


def parse_structure(structure: Any) -> Structure:
    """The structure for an argument."""
    if structure is None:
        return Structure("weight")
    if structure in ("filter", "channel"):
        return Structure(structure)
    if isinstance(structure, str) and (match := re.fullmatch(r"(\d+):(\d+)", structure)):
        n, m = map(int, match.groups())
        if 0 < n < m:
            return Structure("n:m", (n, m))
    elif (
        isinstance(structure, (tuple, list))
        and len(structure) == 2
        and all(isinstance(s, int) and not isinstance(s, bool) and s > 0 for s in structure)
    ):
        return Structure("block", (structure[0], structure[1]))
    raise received(
        "`structure` to be None, 'filter', 'channel', 'N:M' with 0 < N < M, or the rows and "
        "columns of a block",
        structure=structure,
    )
