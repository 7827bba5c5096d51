"""Schedules of a model's sparsity."""

import numbers
from abc import ABC, abstractmethod
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, non_negative, positive_int, received
from keras_hadamard._core.serialization import serializable


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
        """The sparsity of the masks after `step` steps, counted from 0."""

    def due(self, previous: int, step: int) -> bool:
        """Whether masks are computed after `step`; `previous` is the step checked before."""
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


@serializable
class ConstantSparsity(Schedule):
    """Schedule `s_t = s from begin_step on, 0 before`.

    Masks at sparsity `s` do not change any more, except with the criterion `"movement"`, which
    selects the weights again every `frequency` steps until `end_step`.

    Args:
        sparsity: Float in [0, 1), the share of the weights that is zero.
        begin_step: Integer, the number of training steps before the weights are pruned.
            Defaults to `0`.
        end_step: Integer, the step after which the masks are fixed, or None for never.
            Defaults to `None`.
        frequency: Positive integer, the number of steps between selections of weights. Defaults to
            `100`.

    Raises:
        ValueError: If the sparsity is outside [0, 1), a step is negative, or the schedule ends
            before it starts.

    Example:

    >>> from keras_hadamard import pruning
    >>> schedule = pruning.ConstantSparsity(0.5, begin_step=10)
    >>> schedule.sparsity(9), schedule.sparsity(10)
    (0.0, 0.5)
    """

    def __init__(
        self,
        sparsity: float,
        begin_step: int = 0,
        end_step: int | None = None,
        frequency: int = 100,
    ) -> None:
        self._sparsity = fraction("sparsity", sparsity)
        super().__init__(begin_step, end_step, frequency)

    @property
    def final_sparsity(self) -> float:
        return self._sparsity

    def sparsity(self, step: int) -> float:
        return self._sparsity if step >= self.begin_step else 0.0

    def get_config(self) -> dict[str, Any]:
        return {"sparsity": self._sparsity, **super().get_config()}


@serializable
class PolynomialDecay(Schedule):
    """Schedule `s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (t_1 - t_0))^power`.

    Before `t_0 = begin_step` nothing is pruned; from `t_1 = end_step` on the masks are fixed. In
    between they follow every `frequency` steps.

    Args:
        final_sparsity: Float in [0, 1), `s_f`, the final share of zero weights.
        end_step: Integer greater than `begin_step`, the step at which `s_f` is reached.
        begin_step: Integer, the number of training steps before the weights are pruned.
            Defaults to `0`.
        initial_sparsity: Float in [0, 1), `s_i`, at `begin_step`; not above `final_sparsity`.
            Defaults to `0.0`.
        power: Number that is not negative: 1 for a straight line, 3 prunes most at the start.
            Defaults to `3`.
        frequency: Positive integer, the number of steps between changes of the masks. Defaults to
            `100`.

    Raises:
        ValueError: If a sparsity is outside [0, 1), `initial_sparsity` is above `final_sparsity`,
            a step is negative, or the schedule ends before or when it starts.

    Example:

    >>> from keras_hadamard import pruning
    >>> schedule = pruning.PolynomialDecay(0.8, end_step=1000)
    >>> [round(schedule.sparsity(step), 3) for step in (0, 500, 1000, 2000)]
    [0.0, 0.7, 0.8, 0.8]

    Reference:
        - [To prune, or not to prune: exploring the efficacy of pruning for model compression
          (Zhu and Gupta, 2017)](https://arxiv.org/abs/1710.01878)
    """

    def __init__(
        self,
        final_sparsity: float,
        end_step: int,
        begin_step: int = 0,
        initial_sparsity: float = 0.0,
        power: float = 3,
        frequency: int = 100,
    ) -> None:
        self._final = fraction("final_sparsity", final_sparsity)
        self.initial_sparsity = fraction("initial_sparsity", initial_sparsity)
        self.power = non_negative("power", power)
        if self.initial_sparsity > self._final:
            raise received(
                "`initial_sparsity` not above `final_sparsity`",
                initial_sparsity=initial_sparsity,
                final_sparsity=final_sparsity,
            )
        super().__init__(begin_step, end_step, frequency)
        if self.end_step is None or self.end_step <= self.begin_step:
            raise received(
                "a schedule that ends after it starts", begin_step=begin_step, end_step=end_step
            )
        self._steps = self.end_step - self.begin_step

    @property
    def final_sparsity(self) -> float:
        return self._final

    def sparsity(self, step: int) -> float:
        if step < self.begin_step:
            return 0.0
        left = max(0.0, 1 - (step - self.begin_step) / self._steps)
        # At power 0 the end differs from the steps before it.
        share = left**self.power if left else 0.0
        return self._final + (self.initial_sparsity - self._final) * share

    def get_config(self) -> dict[str, Any]:
        return {
            "final_sparsity": self._final,
            **super().get_config(),
            "initial_sparsity": self.initial_sparsity,
            "power": self.power,
        }


@serializable
class Unscheduled(Schedule):
    """No schedule: zeros are learned, and no step changes the masks."""

    def __init__(self) -> None:
        super().__init__(0, None, 1)

    @property
    def final_sparsity(self) -> float:
        return 0.0

    def sparsity(self, step: int) -> float:
        return 0.0

    def due(self, previous: int, step: int) -> bool:
        return False

    def get_config(self) -> dict[str, Any]:
        return {}


def as_schedule(value: Any) -> Schedule:
    """A schedule unchanged, and a number as a constant sparsity from the first step on."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, dict):
        return as_schedule(keras.saving.deserialize_keras_object(value))
    return ConstantSparsity(fraction("schedule", value))


def _step(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 0:
        raise received(f"`{name}` to be an integer that is not negative", **{name: value})
    return int(value)
