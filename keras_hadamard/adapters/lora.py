"""Low-rank adaptation, for comparison with the products."""

from typing import Any

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import KernelView, Linear, LinearView, Weights, WeightSpec
from keras_hadamard.adapters._initializers import kaiming
from keras_hadamard.adapters._ranked import RankedAdapter


@serializable
class LoRA(RankedAdapter):
    """Adds a matrix of low rank to a kernel, `W' = W + alpha / rank * A B`.

    `W` is `(inputs, outputs)`, `A` is `(inputs, rank)` and uniform within `1 / sqrt(inputs)`, `B`
    is `(rank, outputs)` and starts at zero: `rank * (inputs + outputs)` parameters per kernel.
    Layers that multiply by a matrix compute `x A B` and form no matrix of `W`'s size.

    Args:
        rank: Positive integer.
        alpha: Positive number, or None for the rank, a factor of 1. Defaults to `None`.
        bias: Boolean, whether `alpha / rank * c` is added to the outputs as well, with a parameter
            for each that starts at zero, as PEFT's `lora_bias`. Defaults to `False`.

    Raises:
        ValueError: If an argument is invalid; with a bias, if the layer's own bias does not have a
            value for each output, and in `merge` if it has none.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.LoRA(rank=2))
    >>> adapters.trainable_parameters(adapted).trainable
    24

    Reference:
        - [LoRA: Low-Rank Adaptation of Large Language Models (Hu et al., 2022)](
          https://arxiv.org/abs/2106.09685)
    """

    of_inputs = ("a",)

    def __init__(self, rank: int, alpha: float | None = None, bias: bool = False) -> None:
        super().__init__(rank, alpha)
        self.bias = bool(bias)

    @property
    def changes_bias(self) -> bool:
        """Whether a vector is added to the outputs."""
        return self.bias

    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        found = {
            "a": WeightSpec((view.rows, self.rank), kaiming()),
            "b": WeightSpec((self.rank, view.outputs), "zeros"),
        }
        return {**found, "bias": WeightSpec((view.outputs,), "zeros")} if self.bias else found

    def update(self, w: Tensor, weights: Weights) -> Tensor:
        del w
        a, b = upcast(weights["a"], weights["b"])
        return self.scale * ops.matmul(a, b)

    def product(self, x: Tensor, w: Tensor, weights: Weights) -> Tensor:
        del w
        return self.scale * ops.matmul(ops.matmul(x, weights["a"]), weights["b"])

    def adapted(self, linear: Linear, linear_view: LinearView, weights: Weights) -> Linear:
        updated = super().adapted(linear, linear_view, weights)
        if not self.bias:
            return updated

        def with_bias(x: Tensor) -> Tensor:
            y = updated(x)
            return y + ops.cast(linear_view.on_outputs(self.scale * weights["bias"]), y.dtype)

        return with_bias

    def merge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        w, bias = super().merge(w, bias, weights)
        return w, self._moved(bias, self.scale, weights)

    def unmerge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        w, bias = super().unmerge(w, bias, weights)
        return w, self._moved(bias, -self.scale, weights)

    def _moved(self, bias: Tensor | None, factor: float, weights: Weights) -> Tensor | None:
        if not self.bias:
            return bias
        if bias is None:
            raise received("a layer with a bias, for the vector added to its outputs", adapter=self)
        return bias + factor * weights["bias"]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bias": self.bias}
