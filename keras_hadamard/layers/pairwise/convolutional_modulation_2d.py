"""The convolutional modulation of Conv2Former."""

from typing import Any, Unpack

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers.pairwise._image_mixer import ImageMixer, float32_product


@serializable
class ConvolutionalModulation2D(ImageMixer):
    """Convolutional modulation: a large depthwise kernel instead of attention (Conv2Former).

    `y = W_o (W_v x * D(act(W_a x)))`, all `W` of `(channels, channels)` and `D` a depthwise
    convolution of `kernel_size` pixels a side. The paper's formula has no activation, the authors'
    code has a GELU. `EfficientModulation2D` has contexts of several sizes instead, and
    `LargeKernelAttention2D` a chain of two kernels.

    Args:
        kernel_size: Integer, the side of the depthwise kernel. Defaults to `11`.
        activation: Name or function applied before the depthwise kernel; `None` for the paper's
            formula. Defaults to `"gelu"`.
        depthwise_initializer: Initialiser of the depthwise kernel. Defaults to `None`, that of the
            other kernels.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        **kwargs: Arguments of the projections and of the convolution (`use_bias`,
            `kernel_initializer` and `bias_initializer`, here PyTorch's default, their regularizers
            and constraints, as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        `"channels_first"`.

    Output shape:
        The shape of the input.

    Weights:
        `channels * (3 * channels + kernel_size**2 + 4)`.

    Masking:
        Images have no masks.

    Numerics:
        Products and sums over windows are float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.ConvolutionalModulation2D()(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Conv2Former: A Simple Transformer-Style ConvNet for Visual Recognition (Hou et al.,
          2022)](https://arxiv.org/abs/2211.11943)
    """

    def __init__(
        self,
        kernel_size: int = 11,
        activation: Activation = "gelu",
        depthwise_initializer: Initializer = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(depthwise_initializer, data_format, **kwargs)
        self.activation = get_activation(activation)
        self.kernel_size = positive_int("kernel_size", kernel_size)

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        channels = int(shape[-1] or 0)
        self.value_projection, self.context_projection = (
            self.project(channels, name, input_shape=shape)
            for name in ("value_projection", "context_projection")
        )
        self.context = convolve_depthwise(
            self,
            self.kernel_size,
            "context",
            kernel_initializer=self.depthwise_initializer,
            input_shape=shape,
        )
        self.output_projection = self.project(channels, "output_projection", input_shape=shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self.data_format)
        context = self.context(self.activation(self.context_projection(x)))
        y = self.output_projection(float32_product(self.value_projection(x), context))
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "activation": serialize_activation(self.activation),
        }
