"""The share of weights that are left, decaying by a polynomial."""

from typing import Any

from keras_hadamard._checks import fraction, non_negative, received
from keras_hadamard._export import serializable
from keras_hadamard.pruning._schedule import Schedule


@serializable
class PolynomialDecay(Schedule):
    """Schedule `s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (t_1 - t_0))^power`.

    Before `t_0 = begin_step` nothing is pruned; from `t_1 = end_step` on the masks are fixed. In
    between they follow every `frequency` steps.

    Args:
        final_sparsity: Float in [0, 1), `s_f`, the share of the weights that is zero in the end.
        end_step: Integer greater than `begin_step`, the step at which `s_f` is reached.
        begin_step: Integer, the number of training steps before the weights are pruned.
            Defaults to `0`.
        initial_sparsity: Float in [0, 1), `s_i`, at `begin_step`; not above `final_sparsity`.
            Defaults to `0.0`.
        power: Number that is not negative: 1 for a straight line, 3 prunes most at the start.
            Defaults to `3`.
        frequency: Positive integer, the number of steps from one change of the masks to the next.
            Defaults to `100`.

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
        # At power 0 the end differs from what stands before it.
        share = left**self.power if left else 0.0
        return self._final + (self.initial_sparsity - self._final) * share

    def get_config(self) -> dict[str, Any]:
        return {
            "final_sparsity": self._final,
            **super().get_config(),
            "initial_sparsity": self.initial_sparsity,
            "power": self.power,
        }
