"""One sparsity, at once."""

from typing import Any

from keras_hadamard._checks import fraction
from keras_hadamard._export import serializable
from keras_hadamard.pruning._schedule import Schedule


@serializable
class ConstantSparsity(Schedule):
    """Schedule `s_t = s from begin_step on, 0 before`.

    Masks that are at `s` change no more, but for the criterion `"movement"`, which chooses the
    weights anew every `frequency` steps until `end_step`.

    Args:
        sparsity: Float in [0, 1), the share of the weights that is zero.
        begin_step: Integer, the number of training steps before the weights are pruned.
            Defaults to `0`.
        end_step: Integer, the step after which the masks are fixed, or None for never.
            Defaults to `None`.
        frequency: Positive integer, the number of steps from one choice of weights to the next.
            Defaults to `100`.

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
