"""Low-rank adaptation, for comparison with the products."""

from keras import ops

from keras_hadamard._export import serializable
from keras_hadamard._typing import Tensor
from keras_hadamard.adapters._adapter import (
    New,
    Update,
    View,
    Weights,
    checked_alpha,
    checked_rank,
    wide,
)
from keras_hadamard.adapters._initializers import kaiming


@serializable
class LoRA(Update):
    """Adds a matrix of low rank to a kernel, `W' = W + alpha / rank * A B`.

    `W` is `(inputs, outputs)`, `A` is `(inputs, rank)` and uniform within `1 / sqrt(inputs)`, `B`
    is `(rank, outputs)` and starts at zero: `rank * (inputs + outputs)` parameters a kernel. Layers
    that multiply by a matrix compute `x A B` and form none of `W`'s size.

    Args:
        rank: Positive integer.
        alpha: Positive number, or None for the rank, a factor of 1. Defaults to `None`.

    Raises:
        ValueError: If an argument is none of these.

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

    def __init__(self, rank: int, alpha: float | None = None) -> None:
        self.rank = checked_rank(rank)
        self.alpha = checked_alpha(alpha)

    def new_weights(self, view: View) -> dict[str, New]:
        return {
            "a": New((view.rows, self.rank), kaiming()),
            "b": New((self.rank, view.outputs), "zeros"),
        }

    def update(self, w: Tensor, weights: Weights) -> Tensor:
        del w
        a, b = wide(weights["a"], weights["b"])
        return self.scale * ops.matmul(a, b)

    def product(self, x: Tensor, w: Tensor, weights: Weights) -> Tensor:
        del w
        return self.scale * ops.matmul(ops.matmul(x, weights["a"]), weights["b"])
