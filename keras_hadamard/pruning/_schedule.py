"""What the schedules share: the steps at which masks are computed anew."""

import numbers
from abc import ABC, abstractmethod
from typing import Any

import keras

from keras_hadamard._checks import fraction, positive_int, received


class Schedule(ABC):
    """A sparsity for every step of the training, and the steps at which the masks follow it."""

    def __init__(self, begin_step: int, end_step: int | None, frequency: int) -> None:
        self.begin_step = _step("begin_step", begin_step)
        self.end_step = None if end_step is None else _step("end_step", end_step)
        self.frequency = positive_int("frequency", frequency)
        if self.end_step is not None and self.end_step < self.begin_step:
            raise received(
                "a schedule that does not end before it starts",
                begin_step=begin_step,
                end_step=end_step,
            )

    @property
    @abstractmethod
    def final_sparsity(self) -> float:
        """The highest sparsity."""

    @abstractmethod
    def sparsity(self, step: int) -> float:
        """The sparsity that the masks have after `step` steps, counted from 0."""

    def due(self, previous: int, step: int) -> bool:
        """Whether masks are computed after `step`, where `previous` was the step looked at last."""
        last = step if self.end_step is None else min(step, self.end_step)
        if last < self.begin_step or last <= previous:
            return False
        if last == self.end_step or previous < self.begin_step:
            return True
        periods = [(s - self.begin_step) // self.frequency for s in (previous, last)]
        return periods[1] > periods[0]

    def finished(self, step: int) -> bool:
        """Whether the masks stay as they are from `step` on."""
        return self.end_step is not None and step >= self.end_step

    def get_config(self) -> dict[str, Any]:
        return {
            "begin_step": self.begin_step,
            "end_step": self.end_step,
            "frequency": self.frequency,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schedule":
        return cls(**config)


def _step(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 0:
        raise received(f"`{name}` to be an integer that is not negative", **{name: value})
    return int(value)


def as_schedule(value: Any) -> Schedule:
    """A schedule as it is, and a number as that sparsity from the first step on."""
    from keras_hadamard.pruning.constant_sparsity import ConstantSparsity

    if isinstance(value, Schedule):
        return value
    if isinstance(value, dict):
        return as_schedule(keras.saving.deserialize_keras_object(value))
    return ConstantSparsity(fraction("schedule", value))
