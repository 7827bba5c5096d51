"""The gated linear unit and its variants."""

from typing import Any

import keras

from keras_hadamard._checks import positive_int, received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers._projecting import ProjectingLayer
from keras_hadamard.ops import _activations as activations
from keras_hadamard.ops import glu


@serializable
class GatedDense(ProjectingLayer):
    """Gated linear unit: a dense projection times an activated one.

    `y = (W x + b) * activation(V x + c)` with `W` and `V` of shape `(width, units)`: GLU with
    `"sigmoid"`, GEGLU with `"gelu"` (exact, `"gelu_tanh"` its
    approximation), SwiGLU with `"silu"`, ReGLU with `"relu"`, the bilinear unit
    with `None`.

    Args:
        units: Integer, the width of the output, which is that of each of the two projections.
        activation: Name or function of the gate. Defaults to `"sigmoid"`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as `keras.layers.Dense` has
            them) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `2 * (width + 1) * units`.

    Masking:
        The mask is passed on.

    Numerics:
        Gate and product are computed in float32 under 16-bit policies. The gradient keeps the two
        pre-activations alone.

    Raises:
        ValueError: If `units` is not positive or the width of the input is unknown.

    Example:

    >>> x = keras.ops.ones((2, 3, 6))
    >>> keras_hadamard.layers.GatedDense(5, activation="silu")(x).shape
    TensorShape([2, 3, 5])

    Reference:
        - [Language Modeling with Gated Convolutional Networks (Dauphin et al., 2017)](
          https://arxiv.org/abs/1612.08083)
        - [GLU Variants Improve Transformer (Shazeer, 2020)](https://arxiv.org/abs/2002.05202)
    """

    def __init__(self, units: int, activation: Activation = "sigmoid", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.activation = activations.get(activation)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        self.value_projection = self.project(
            self.units, "value_projection", input_shape=input_shape
        )
        self.gate_projection = self.project(self.units, "gate_projection", input_shape=input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        value, gate = self.value_projection(inputs), self.gate_projection(inputs)
        return glu(value, gate, activation=self.activation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise received("an input (batch, ..., width) of known width", shape=input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }
