"""Base class of criteria that keep the most important weights."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keras_hadamard._core.introspection.kernels import Kernel
from keras_hadamard.pruning._criteria.criterion import Criterion
from keras_hadamard.pruning._selection import select, select_n_of_m


class Importance(Criterion):
    """Keeps the most important groups of a structure, in each kernel or in all together.

    Pruned weights stay pruned, unless the criterion `reselects` them.
    """

    reselects = False

    def importance(self, index: int, kernel: Kernel) -> np.ndarray:
        """A number for each group of the kernel's view."""
        raise NotImplementedError

    def chosen(self, old: Sequence[np.ndarray], step: int, optimizer: Any) -> Iterable[np.ndarray]:
        importances = []
        for index, (kernel, mask) in enumerate(zip(self.kernels, old, strict=True)):
            importance = self.importance(index, kernel)
            if not self.reselects:
                alive = self.structure.reduce(kernel.to_view(mask), np.nanmax)
                # Pruned weights have importance 0, or below 1 if random: less 1, they rank last,
                # without a slow `where`.
                importance = importance - np.logical_not(alive)
            importances.append(importance)
        new = []
        for kernel, mask, kept in zip(
            self.kernels, old, self._kept(importances, step), strict=True
        ):
            selected = kernel.from_view(self.structure.spread(kept, kernel.view))
            new.append(selected if self.reselects else selected & mask)
        return new

    def _kept(self, importances: list[np.ndarray], step: int) -> list[np.ndarray]:
        sparsity = self.schedule.sparsity(step)
        if self.structure.kind == "n:m":
            n, m = self.structure.sizes
            # Before the final sparsity is reached, more than N stay.
            kept = max(n, m - int(sparsity * m + 1e-9))
            return [select_n_of_m(importance, kept, m) for importance in importances]
        sizes = [
            max(1, int(np.prod(kernel.view)) // importance.size)
            for kernel, importance in zip(self.kernels, importances, strict=True)
        ]
        if self.scope == "global":
            return select(importances, sizes, sparsity)
        shares = self.sparsities(step)
        return [
            select([importance], [size], share)[0]
            for importance, size, share in zip(importances, sizes, shares, strict=True)
        ]
