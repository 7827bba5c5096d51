"""A stack of crosses, each with a gate."""

from typing import Any, Unpack

import keras

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.high_order._widths import check_width


@serializable
class GatedCrossNetwork(BaseLayer):
    """Several crosses, each of which is gated by what came before (GDCN).

    `x_(l+1) = x_0 * (W_l x_l + b_l) * sigmoid(V_l x_l) + x_l` in `num_layers` steps from `x_0`, the
    input, with `W_l` and `V_l` of shape `(width, width)`. The gate has no bias, and it gates `b_l`
    too. With gates of one this is the `CrossNetwork` of DCN-v2.

    The authors' code draws `b_l` from 0 to 1: `bias_initializer=keras.initializers.RandomUniform(0,
    1)`.

    Args:
        num_layers: Integer, the number of crosses. Defaults to `3`.
        gate_activation: Name or function of the gates' activation. Defaults to `"sigmoid"`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., width)`.

    Weights:
        `num_layers * width * (2 * width + 1)`.

    Masking:
        The mask is passed on.

    Numerics:
        Products are computed in the compute dtype. Values grow as the power `num_layers + 1` of the
        features where the gates are open.

    Raises:
        ValueError: If an argument is out of range or the width is unknown.

    Example:

    >>> x = keras.ops.ones((4, 7))
    >>> keras_hadamard.layers.GatedCrossNetwork(2)(x).shape
    TensorShape([4, 7])

    Reference:
        - [Towards Deeper, Lighter and Interpretable Cross Network for CTR Prediction (Wang et al.,
          2023)](https://arxiv.org/abs/2311.04635)
    """

    def __init__(
        self,
        num_layers: int = 3,
        gate_activation: Activation = "sigmoid",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.num_layers = positive_int("num_layers", num_layers)
        self.gate_activation = get_activation(gate_activation)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        width = input_shape[-1] or 0
        self.projections: list[keras.layers.Dense] = []
        self.gates: list[keras.layers.Dense] = []
        for n in range(self.num_layers):
            self.projections.append(self.project(width, f"projection_{n}", input_shape=input_shape))
            self.gates.append(
                self.project(
                    width,
                    f"gate_{n}",
                    activation=self.gate_activation,
                    use_bias=False,
                    input_shape=input_shape,
                )
            )

    def call(self, inputs: Tensor) -> Tensor:
        x = inputs
        for project, gate in zip(self.projections, self.gates, strict=True):
            x = inputs * project(x) * gate(x) + x
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "gate_activation": serialize_activation(self.gate_activation),
        }
