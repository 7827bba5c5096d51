"""RigL: weights grow where the gradient of the step is greatest."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.pruning._criteria.dynamic import Dynamic


class RigL(Dynamic):
    """Grows weights by the gradients of the last step that was `due`, if one was `seen`."""

    def cover(self, *args: Any) -> None:
        super().cover(*args)
        self.masks.gradients = [
            self.masks.state(f"gradients_{i}", "float32", k.variable.shape, aggregation="mean")
            for i, k in enumerate(self.kernels)
        ]
        self.masks.due = self.masks.state("due", "bool")
        self.masks.seen = self.masks.state("seen", "bool", aggregation="only_first_replica")
        self._told: tuple[bool, int] | None = None

    def watch(self, due: bool) -> None:
        """Sets whether gradients are kept; assigns the variable only on a change, to save time."""
        if self._told != (due, self.masks.loads):
            self.masks.due.assign(due)
            self._told = (due, self.masks.loads)

    def replaced(self, training: bool | None) -> list[tuple[Any, Tensor]]:
        if training is False:
            return []
        return [(kernel.variable, self._watched(i)) for i, kernel in enumerate(self.kernels)]

    def _watched(self, index: int) -> Tensor:
        """`W`, whose gradient, including that of pruned weights, is kept in due steps.

        So the gradient needs no separate pass, with any data and in custom training loops too.
        """

        @ops.custom_gradient
        def watch(w: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
            def gradient(*args: Any, upstream: Any = None) -> Tensor:
                upstream = args[0] if upstream is None else upstream
                kept, due = self.masks.gradients[index], ops.convert_to_tensor(self.masks.due)
                kept.assign(ops.where(due, ops.cast(upstream, kept.dtype), kept))
                self.masks.seen.assign(ops.logical_or(due, self.masks.seen))
                return upstream

            return w, gradient

        return watch(ops.convert_to_tensor(self.kernels[index].variable))

    def growth(self, index: int, step: int) -> np.ndarray:
        if not ops.convert_to_numpy(self.masks.seen):
            raise received(
                "a gradient of trainable kernels in a step between `on_train_batch_begin` and "
                f"`on_train_batch_end` of the PruningCallback, for criterion {self.word!r}",
                step=step,
            )
        return np.abs(ops.convert_to_numpy(self.masks.gradients[index]))

    def chosen(self, old: Sequence[np.ndarray], step: int, optimizer: Any) -> Iterable[np.ndarray]:
        before = int(ops.convert_to_numpy(self.masks.moved))
        new = super().chosen(old, step, optimizer)
        if int(ops.convert_to_numpy(self.masks.moved)) != before:
            self.masks.seen.assign(False)
        return new
