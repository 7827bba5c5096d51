"""The gated convolution of image inpainting."""

from typing import Any, Unpack

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base_conv import BaseConv
from keras_hadamard.layers._channels import to_last
from keras_hadamard.layers.modulation._gated_conv import MIRRORED, convolution, pad_mirrored
from keras_hadamard.ops import glu


@serializable
class GatedConv2D(BaseConv):
    """Gated convolution of images: activated features, each multiplied by its own gate.

    `y = activation(W * x + b) * gate_activation(V * x + c)`, with convolutions `W` and `V`. The
    gates are learned from the image and, in inpainting, from the mask, which is one of its
    channels: a soft mask instead of the rule of `PartialConv2D`. The authors' kernel holds `W` and
    `V` side by side, in this order. With `"tanh"` it is the gate of the conditional PixelCNN.

    Args:
        filters: Integer, the channels of the output. The authors' code counts those of `W` and
            `V` together.
        kernel_size: Integer or pair, the sides of the windows. Defaults to `3`.
        strides: Integer or pair. Defaults to `1`.
        padding: `"same"` with zeros, as in TensorFlow and the authors' code, with a stride more
            after the last pixel than before the first; `"valid"`, none; `"symmetric"` or
            `"reflect"`, with the mirrored image, equally on both sides. Defaults to `"same"`.
        dilation_rate: Integer or pair, the step between the windows' pixels. Defaults to `1`.
        activation: Name or function of the features. Defaults to `"elu"`, as in the authors' code.
        gate_activation: Name or function of the gate. Defaults to `"sigmoid"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolutions (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Conv2D`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        `(batch, height / strides, width / strides, filters)`, rounded up, or channels first;
        smaller by the extent of the windows minus one for `"valid"`.

    Weights:
        `2 * (prod(kernel_size) * channels + 1) * filters`.

    Masking:
        Images have no masks.

    Numerics:
        Gate and product are computed in float32 under 16-bit policies. The authors' code has no
        gate if there is no activation or if `cnum`, its number of filters, is 3 (its output
        layers): such a layer is a `keras.layers.Conv2D`.

    Raises:
        ValueError: If an argument is out of range, or the input is not an image of known channels,
            or smaller than the windows.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 4))
    >>> keras_hadamard.layers.GatedConv2D(16, 5, strides=2)(x).shape
    TensorShape([2, 4, 4, 16])

    Reference:
        - [Free-Form Image Inpainting with Gated Convolution (Yu et al., 2019)](
          https://arxiv.org/abs/1806.03589)
        - [Conditional Image Generation with PixelCNN Decoders (van den Oord et al., 2016)](
          https://arxiv.org/abs/1606.05328)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int] = 3,
        strides: int | tuple[int, int] = 1,
        padding: str = "same",
        dilation_rate: int | tuple[int, int] = 1,
        activation: Activation = "elu",
        gate_activation: Activation = "sigmoid",
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(
            2,
            filters,
            kernel_size,
            strides,
            padding,
            dilation_rate,
            data_format,
            paddings=("same", "valid", *MIRRORED),
            **kwargs,
        )
        self.activation = get_activation(activation)
        self.gate_activation = get_activation(gate_activation)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        # Two convolutions, not one whose output is split: on a CPU the copies of the halves cost
        # more than reading the input twice.
        self.value_convolution, self.gate_convolution = (
            convolution(self, keras.layers.Conv2D, name, input_shape)
            for name in ("value_convolution", "gate_convolution")
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = pad_mirrored(self, to_last(inputs, self.data_format))
        value = self.activation(self.value_convolution(x))
        y = glu(value, self.gate_convolution(x), activation=self.gate_activation)
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "gate_activation": serialize_activation(self.gate_activation),
        }
