"""The branch of a gMLP block."""

from typing import Any, Unpack

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import apply_mask
from keras_hadamard.layers.pairwise.spatial_gating_unit import SpatialGatingUnit


@serializable
class GMLPBlock(BaseLayer):
    """Channel projections around a spatial gating unit (gMLP), as wide as the input.

    `y = W_2 (u * (S norm(v) + b)) with [u, v] = gelu(W_1 x)`: `W_1` is `(width, hidden_units)`,
    `W_2` is `(hidden_units / 2, width)`, `S` is `(length, length)`; see `SpatialGatingUnit`. The
    tiny attention (aMLP) reads `x`. The network normalises before the block and adds the input
    after it: both are outside, as in the public code.

    Args:
        hidden_units: Even integer, the width that is split. Defaults to `None`, six times that of
            the input.
        length: Integer, the number of positions. Defaults to `None`, that of the input.
        causal: Boolean, whether positions see only earlier ones and themselves. Defaults to
            `False`.
        heads: Integer, the number of groups of features with separate weights over positions.
            Defaults to `1`.
        activation: Name or function of the first projection. Defaults to `"gelu"`.
        gate_activation: Name or function of the gate. Defaults to `None`, none.
        circulant: Boolean, whether the matrix over positions is circulant. Defaults to `False`.
        attention_units: Integer, the width of the tiny attention. Defaults to `None`, without.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, width)`. If the layer is causal and `length` is given, the input's length
        may be unknown or less.

    Output shape:
        The shape of the input.

    Weights:
        `hidden_units * (3 * width + 4) // 2 + width + heads * length * (length + 1)`, where
        `hidden_units` = `6 * width` and `length` = `positions` if they are not given; others with
        attention or a circulant matrix, see `SpatialGatingUnit`.

    Masking:
        Masked positions have no effect in any gate. Their own output is that of zeros. The mask is
        passed on.

    Numerics:
        Normalisation and softmax are float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, the input is not a sequence of known width, or
            its length is unknown or not the layer's.

    Example:

    >>> layer = keras_hadamard.layers.GMLPBlock(16)
    >>> layer(keras.ops.ones((2, 9, 4))).shape
    TensorShape([2, 9, 4])

    Reference:
        - [Pay Attention to MLPs (Liu et al., 2021)](https://arxiv.org/abs/2105.08050)
    """

    def __init__(
        self,
        hidden_units: int | None = None,
        length: int | None = None,
        causal: bool = False,
        heads: int = 1,
        activation: Activation = "gelu",
        gate_activation: Activation = None,
        circulant: bool = False,
        attention_units: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.activation = get_activation(activation)
        self.gate: SpatialGatingUnit = self.sublayer(
            SpatialGatingUnit,
            length,
            causal,
            heads,
            gate_activation,
            circulant,
            attention_units,
            name="gate",
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        width = int(input_shape[-1] or 0)
        hidden = self.hidden_units or 6 * width
        self.input_projection = self.project(hidden, "input_projection", input_shape=input_shape)
        inside = (*input_shape[:-1], hidden)
        attends = self.gate.attention_units is not None
        self.gate.build([inside, input_shape] if attends else inside)
        self.output_projection = self.project(
            width, "output_projection", input_shape=(*input_shape[:-1], hidden // 2)
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        inputs = apply_mask(inputs, mask)
        x = self.activation(self.input_projection(inputs))
        gated = self.gate([x, inputs] if self.gate.attention_units else x, mask=mask)
        return self.output_projection(gated)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise received("a sequence (batch, length, width) of known width", shape=input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "length": self.gate.length,
            "causal": self.gate.causal,
            "heads": self.gate.heads,
            "activation": serialize_activation(self.activation),
            "gate_activation": serialize_activation(self.gate.activation),
            "circulant": self.gate.circulant,
            "attention_units": self.gate.attention_units,
        }
