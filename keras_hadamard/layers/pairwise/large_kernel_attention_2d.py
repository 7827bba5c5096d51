"""The large-kernel attention of the visual attention network."""

from typing import Any, Unpack

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers.pairwise._image_mixer import ImageMixer, float32_product


@serializable
class LargeKernelAttention2D(ImageMixer):
    """Large-kernel attention: a product with a very large depthwise kernel, in two (VAN).

    `y = W_o (u * W_c D_2(D_1(u))) with u = act(W_v x)`: a large kernel of `kernel_size` pixels is
    decomposed into a depthwise kernel `D_1` of `2 * dilation - 1` pixels a side, another `D_2` of
    `kernel_size / dilation`, rounded up, with a step of `dilation`, and a projection of channels
    `W_c`. In the paper, the attention is only the product; `W_v`, `W_o` and the activation are
    around it. The authors' module adds its input to its output.

    Args:
        kernel_size: Integer, the side of the decomposed kernel. Defaults to `21`.
        dilation: Integer, the step of the second kernel. Defaults to `3`.
        activation: Name or function of the values. Defaults to `"gelu"`.
        depthwise_initializer: Initialiser of the depthwise kernels. Defaults to `None`, that of the
            other kernels.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        **kwargs: Arguments of the projections and of the convolutions (`use_bias`,
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
        `channels * (3 * channels + (2 * dilation - 1)**2 + ceil(kernel_size / dilation)**2 +
        5)`.

    Masking:
        Images have no masks.

    Numerics:
        Products and sums over windows are float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.LargeKernelAttention2D()(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Visual Attention Network (Guo et al., 2022)](https://arxiv.org/abs/2202.09741)
    """

    def __init__(
        self,
        kernel_size: int = 21,
        dilation: int = 3,
        activation: Activation = "gelu",
        depthwise_initializer: Initializer = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(depthwise_initializer, data_format, **kwargs)
        self.activation = get_activation(activation)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.dilation = positive_int("dilation", dilation)
        if self.kernel_size < self.dilation:
            raise received(
                "a kernel not smaller than its step", kernel_size=kernel_size, dilation=dilation
            )

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        channels = int(shape[-1] or 0)
        self.value_projection, self.context_projection = (
            self.project(channels, name, input_shape=shape)
            for name in ("value_projection", "context_projection")
        )
        self.near = convolve_depthwise(
            self,
            2 * self.dilation - 1,
            "near",
            kernel_initializer=self.depthwise_initializer,
            input_shape=shape,
        )
        self.far = convolve_depthwise(
            self,
            -(-self.kernel_size // self.dilation),
            "far",
            dilation=self.dilation,
            kernel_initializer=self.depthwise_initializer,
            input_shape=shape,
        )
        self.output_projection = self.project(channels, "output_projection", input_shape=shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self.data_format)
        value = self.activation(self.value_projection(x))
        context = self.context_projection(self.far(self.near(value)))
        y = self.output_projection(float32_product(value, context))
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "dilation": self.dilation,
            "activation": serialize_activation(self.activation),
        }
