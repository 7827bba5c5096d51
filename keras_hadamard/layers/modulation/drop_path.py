"""Stochastic depth: a branch is dropped for whole examples."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer


@serializable
class DropPath(KernelFreeLayer):
    """Dropout of whole examples, at the end of a residual branch (stochastic depth).

    `y = x * m / (1 - rate)` with `m` 0 for an example with probability `rate` and 1 otherwise, in
    training only. The paper does not scale in training, but by `1 - rate` at inference, which is
    equivalent up to the scale of the weights.

    Args:
        rate: Number in [0, 1), the probability of dropping an example.
        seed: Integer, the seed of the random numbers. Defaults to `None`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to drop.

    Input shape:
        `(batch, ...)`.

    Output shape:
        The shape of the input.

    Weights:
        `0`.

    Masking:
        The mask is passed on.

    Numerics:
        Computed in the compute dtype.

    Raises:
        ValueError: If `rate` is out of range.

    Example:

    >>> x = keras.ops.ones((64, 2))
    >>> y = keras_hadamard.layers.DropPath(0.5, seed=0)(x, training=True)
    >>> sorted({float(v) for v in keras.ops.ravel(y)})
    [0.0, 2.0]

    Reference:
        - [Deep Networks with Stochastic Depth (Huang et al., 2016)](
          https://arxiv.org/abs/1603.09382)
    """

    def __init__(
        self, rate: float, seed: int | None = None, **kwargs: Unpack[BaseArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.rate = fraction("rate", rate)
        self.seed = seed
        if self.rate:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training or not self.rate:
            return inputs
        examples = (ops.shape(inputs)[0], *[1] * (len(inputs.shape) - 1))
        return keras.random.dropout(inputs, self.rate, examples, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
