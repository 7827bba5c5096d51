"""The highway layer."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.modulation._channel_axis import channel_axis


@serializable
class Highway(BaseLayer):
    """Highway layer: a gate chooses between the input and the output of a dense layer.

    `y = T * activation(W x + b) + (1 - T) * x with T = sigmoid(V x + c)`, `W` and `V` of shape
    `(width, width)`. `c` starts below zero, so that a deep network carries its input at first.

    Args:
        activation: Name or function of the transformed input. Defaults to `"relu"`.
        transform_bias: Number, the initial value of `c`. Defaults to `-1.0`; the paper uses -1 to
            -4, lower for deeper networks.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        The shape of the input.

    Weights:
        `2 * width * (width + 1)`.

    Masking:
        The mask is passed on.

    Numerics:
        Gate and sum are computed in float32 under 16-bit policies; `1 - T` is computed without a
        difference.

    Raises:
        ValueError: If the width of the input is unknown.

    Example:

    >>> x = keras.ops.ones((2, 3, 6))
    >>> keras_hadamard.layers.Highway()(x).shape
    TensorShape([2, 3, 6])

    Reference:
        - [Highway Networks (Srivastava et al., 2015)](https://arxiv.org/abs/1505.00387)
    """

    def __init__(
        self,
        activation: Activation = "relu",
        transform_bias: float = -1.0,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.activation = get_activation(activation)
        self.transform_bias = float(transform_bias)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        width = input_shape[-1] or 0
        self.value_projection = self.project(width, "value_projection", input_shape=input_shape)
        self.gate_projection = self.project(
            width,
            "gate_projection",
            bias_initializer=keras.initializers.Constant(self.transform_bias),
            input_shape=input_shape,
        )

    def call(self, inputs: Tensor) -> Tensor:
        dtype = accumulation_dtype(inputs.dtype)
        tensors = (self.value_projection(inputs), self.gate_projection(inputs), inputs)
        value, gate, x = (ops.cast(t, dtype) for t in tensors)
        y = ops.sigmoid(gate) * self.activation(value) + ops.sigmoid(-gate) * x
        return ops.cast(y, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channel_axis(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "transform_bias": self.transform_bias,
        }
