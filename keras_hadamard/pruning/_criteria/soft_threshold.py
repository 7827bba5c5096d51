"""STR: weights shrink by a learned threshold for each kernel, and are zero below it."""

from collections.abc import Iterable, Sequence
from math import isfinite
from numbers import Real
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import non_negative, received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.pruning._criteria.criterion import Criterion
from keras_hadamard.pruning._masks import MaskConstraint
from keras_hadamard.pruning.schedules import Schedule, Unscheduled


class SoftThreshold(Criterion):
    """`W_eff = sign(W) relu(|W| - sigmoid(s))`, one `s` per kernel, in `masks.thresholds`.

    Its masks are those that it was given: they prune permanently, which thresholds do not.
    """

    structures = ("weight",)
    scopes = ("layer",)
    takes = ("initial_threshold", "threshold_decay")

    def schedule_of(self, value: Any) -> Schedule:
        if value is None or isinstance(value, Unscheduled):
            return Unscheduled()
        if isinstance(value, dict):
            return self.schedule_of(keras.saving.deserialize_keras_object(value))
        raise received(
            f"no schedule with criterion {self.word!r}, which learns how much of each kernel is "
            "zero: `initial_threshold` and `threshold_decay` say where it starts, and how fast "
            "it rises",
            schedule=value,
        )

    def check(self, options: dict[str, Any]) -> dict[str, Any]:
        start = options.get("initial_threshold", -5.0)
        if isinstance(start, bool) or not isinstance(start, Real) or not isfinite(start):
            raise received("`initial_threshold` to be a finite number", initial_threshold=start)
        return {
            "initial_threshold": float(start),
            "threshold_decay": non_negative("threshold_decay", options.get("threshold_decay", 0)),
        }

    def cover(self, *args: Any) -> None:
        super().cover(*args)
        decay = self.options["threshold_decay"]

        def start(shape: Any, dtype: Any) -> Tensor:
            # Keras's initializer of a constant rounds it to 32 bits.
            return ops.convert_to_tensor(self.options["initial_threshold"], dtype)

        self.masks.thresholds = [
            self.masks.add_weight(
                name=f"threshold_{i}",
                shape=(),
                # Updates of a thousandth would be lost in 16 bits.
                dtype=keras.backend.result_type(k.variable.dtype, "float32"),
                initializer=start,
                regularizer=keras.regularizers.L2(decay / 2) if decay else None,
            )
            for i, k in enumerate(self.kernels)
        ]
        for i, kernel in enumerate(self.kernels):
            mask = kernel.variable.constraint
            kernel.variable.constraint = MaskConstraint(mask.mask, mask.own, left=_Left(self, i))

    def chosen(self, old: Sequence[np.ndarray], step: int, optimizer: Any) -> Iterable[np.ndarray]:
        return old

    def replaced(self, training: bool | None) -> list[tuple[Any, Tensor]]:
        return [(kernel.variable, self.effective(i)) for i, kernel in enumerate(self.kernels)]

    def effective(self, index: int) -> Tensor:
        """A kernel as the model computes with it."""
        w = ops.convert_to_tensor(self.kernels[index].variable)
        s = ops.convert_to_tensor(self.masks.thresholds[index])
        return ops.cast(soft_threshold(ops.cast(w, s.dtype), ops.sigmoid(s)), w.dtype)

    def value(self, index: int) -> np.ndarray:
        return ops.convert_to_numpy(self.effective(index))

    def left(self) -> list[np.ndarray]:
        return [mask & (self.value(i) != 0) for i, mask in enumerate(self.masks.get())]


class _Left:
    """The nonzero weights of a kernel as a mask, which converts to a tensor like a variable."""

    def __init__(self, criterion: SoftThreshold, index: int) -> None:
        self.criterion, self.index = criterion, index

    def __tf_tensor__(self, dtype: Any = None, name: Any = None) -> Tensor:
        left = ops.not_equal(self.criterion.effective(self.index), 0)
        return ops.logical_and(left, self.criterion.masks.masks[self.index])


def soft_threshold(w: Tensor, threshold: Tensor) -> Tensor:
    """`sign(w) relu(|w| - threshold)`, for any shapes that broadcast."""
    return ops.sign(w) * ops.relu(ops.abs(w) - threshold)
