"""How important weights are, and the masks that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._introspection.kernels import Kernel
from keras_hadamard.pruning._selection import select, select_n_of_m
from keras_hadamard.pruning._structures import Structure

CRITERIA = ("magnitude", "random", "movement", "wanda", "sparsegpt", "rigl", "set")


@dataclass(frozen=True)
class Criterion:
    """One of `CRITERIA`, among the weights of a layer or of all, for groups of a structure."""

    name: str
    scope: str
    structure: Structure
    seed: int

    def masks(
        self, kernels: Sequence[Kernel], old: Sequence[np.ndarray], scores: Any, sparsity: float
    ) -> list[np.ndarray]:
        """The masks at a sparsity, on top of the old ones: only learnt masks bring weights back."""
        learnt = self.name == "movement"
        importances = []
        for index, (kernel, mask) in enumerate(zip(kernels, old, strict=True)):
            importance = self._importance(index, kernel, scores[index])
            if not learnt:
                alive = self.structure.reduce(kernel.to_view(mask), np.nanmax)
                # What is pruned is 0, or random below 1: so it comes last, without a slow `where`.
                importance = importance - np.logical_not(alive)
            importances.append(importance)
        new = []
        for kernel, mask, kept in zip(
            kernels, old, self._kept(kernels, importances, sparsity), strict=True
        ):
            selected = kernel.from_view(self.structure.spread(kept, kernel.view))
            new.append(selected if learnt else selected & mask)
        return new

    def _kept(
        self, kernels: Sequence[Kernel], importances: list[np.ndarray], sparsity: float
    ) -> list[np.ndarray]:
        if self.structure.kind == "n:m":
            n, m = self.structure.sizes
            # On the way to the final sparsity more than N stay.
            kept = max(n, m - int(sparsity * m + 1e-9))
            return [select_n_of_m(importance, kept, m) for importance in importances]
        sizes = [
            max(1, int(np.prod(kernel.view)) // importance.size)
            for kernel, importance in zip(kernels, importances, strict=True)
        ]
        if self.scope == "global":
            return select(importances, sizes, sparsity)
        return [
            select([importance], [size], sparsity)[0]
            for importance, size in zip(importances, sizes, strict=True)
        ]

    def _importance(self, index: int, kernel: Kernel, scores: Any) -> np.ndarray:
        if self.name == "random":
            groups = self.structure.reduce(np.zeros(kernel.view), np.nanmin)
            # The same numbers at every step, so that masks grow by what is pruned last.
            return np.random.default_rng([self.seed, index]).random(groups.shape)
        if self.name == "movement":
            learnt = kernel.to_view(ops.convert_to_numpy(scores))
            if learnt.any():
                return self.structure.reduce(learnt, np.nanmean)
        weights = kernel.to_view(ops.convert_to_numpy(kernel.variable))
        if not self.structure.grouped:
            return np.abs(weights)
        return np.sqrt(self.structure.reduce(np.square(weights.astype("float64")), np.nanmean))
