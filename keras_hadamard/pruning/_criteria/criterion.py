"""Base class of all criteria."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import one_of, received
from keras_hadamard._core.introspection.kernels import Kernel
from keras_hadamard._core.typing import Tensor
from keras_hadamard.pruning._allocation import SCOPES, sparsities
from keras_hadamard.pruning._coupled_weights import CoupledWeight
from keras_hadamard.pruning._masks import Masks
from keras_hadamard.pruning._structures import Structure
from keras_hadamard.pruning.schedules import Schedule, as_schedule


class Criterion:
    """Decides which weights of a model stay; its variables are those of `masks`.

    A criterion declares what it supports (`structures`, where None means all; `scopes`; and the
    options that it `takes`, of `prune` or of `PrunedModel`), and checks the rest in `check`.
    `cover` adds its variables to the masks, `chosen` returns its masks at a step, `replaced` the
    weights that the model computes with instead of its own, `calibrate` learns from data, and
    `watch` runs before a step.
    """

    structures: tuple[str, ...] | None = None
    scopes: tuple[str, ...] = SCOPES
    takes: tuple[str, ...] = ()
    # Whether kernels keep what the masks hide, until these are fixed.
    keeps_hidden = False

    def __init__(
        self,
        word: str,
        schedule: Any,
        scope: str,
        structure: Structure,
        seed: int,
        options: dict[str, Any],
    ) -> None:
        self.word = word
        self.schedule = self.schedule_of(schedule)
        self.scope = one_of("scope", scope, SCOPES)
        self.structure = structure
        self.seed = seed
        self.options = self.check(options)
        if self.structures is not None and structure.kind not in self.structures:
            kinds = " or ".join({"weight": "None", "n:m": "'N:M'"}[k] for k in self.structures)
            raise received(f"`structure` {kinds} with criterion {word!r}", structure=structure.kind)
        if scope not in self.scopes:
            others = "".join(f", or {s!r}" for s in self.scopes[1:])
            raise received(f"scope {self.scopes[0]!r} with criterion {word!r}{others}", scope=scope)
        structure.check(self.schedule.final_sparsity, scope)

    def schedule_of(self, value: Any) -> Schedule:
        """The schedule for an argument."""
        return as_schedule(value)

    def check(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options of the model, as they are saved; raises if something does not fit."""
        return {}

    def cover(
        self, model: keras.Model, kernels: list[Kernel], coupled: list[list[CoupledWeight]]
    ) -> None:
        """Puts masks on the kernels of a model, and on the weights coupled to their filters."""
        self.kernels = kernels
        self.masks = Masks(kernels, coupled, self.keeps_hidden)

    def chosen(self, old: Sequence[np.ndarray], step: int, optimizer: Any) -> Iterable[np.ndarray]:
        """The masks for the sparsity of the schedule at a step, starting from the old ones."""
        raise NotImplementedError

    def sparsities(self, step: int) -> list[float]:
        """The sparsity of each kernel at a step."""
        return sparsities(self.scope, self.kernels, self.schedule.sparsity(step))

    def update(self, step: int, optimizer: Any = None) -> None:
        """Computes the masks again and applies them."""
        old = self.masks.values
        self.masks.set(self.chosen(old, step, optimizer), old)
        self.masks.fixed.assign(self.schedule.finished(step))
        self.masks.apply()

    def left(self) -> list[np.ndarray]:
        """The weights of each kernel that are not pruned, as masks."""
        return self.masks.get()

    def value(self, index: int) -> np.ndarray:
        """The weights of a kernel that are not zero when the model computes with it, as a mask."""
        return ops.convert_to_numpy(self.kernels[index].variable)

    def kernel_values(self) -> Iterator[np.ndarray]:
        """Each kernel's value, as a generator: together they are as large as the model."""
        return (self.value(index) for index in range(len(self.kernels)))

    def kernels_left(self) -> Iterator[np.ndarray]:
        """The same with zeros at pruned weights."""
        for mask, value in zip(self.left(), self.kernel_values(), strict=True):
            yield np.where(mask, value, np.zeros((), value.dtype))

    def replaced(self, training: bool | None) -> list[tuple[Any, Tensor]]:
        """The variables that a call replaces, with the tensors it uses instead; or none."""
        return []

    def calibrate(self, model: Any, data: Any, **options: Any) -> None:
        """Learns from data."""
        raise NotImplementedError

    def watch(self, due: bool) -> None:
        """Runs before a step, with whether masks are computed after it."""
