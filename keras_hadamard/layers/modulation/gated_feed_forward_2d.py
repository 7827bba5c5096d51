"""The gated feed-forward network of Restormer."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, KernelArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers.modulation._expansion import expanded, expansion_ratio
from keras_hadamard.layers.pairwise._image_mixer import ImageMixer
from keras_hadamard.ops import glu


@serializable
class GatedFeedForward2D(ImageMixer):
    """Gated feed-forward network of images, both halves convolved (GDFN of Restormer).

    `y = U (b * activation(a)) with [a, b] = D(W x)`, with `W` of shape `(channels, 2 * hidden)`,
    `D` a depthwise convolution of all `2 * hidden` channels, and `U` of `(hidden, channels)`, where
    `hidden` is `expansion * channels`, rounded down. `ConvGLU` convolves only the gate.

    Args:
        expansion: Number, how many times wider than the input the product is. Defaults to `2.66`.
        kernel_size: Integer, the side of the depthwise kernel. Defaults to `3`.
        activation: Name or function of the first half. Defaults to `"gelu"`.
        depthwise_initializer: Initialiser of the depthwise kernel. Defaults to `None`, that of the
            other kernels.
        use_bias: Boolean, whether projections and convolution have biases. Defaults to `False`, as
            in all published models.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, which is the
            setting of Keras.
        **kwargs: Arguments of the projections and of the convolution (`kernel_initializer` and
            `bias_initializer`, here PyTorch's default, their regularizers and constraints, as in
            `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        `"channels_first"`.

    Output shape:
        The shape of the input.

    Weights:
        `(expansion * channels // 1) * (3 * channels + 2 * kernel_size**2)`.

    Masking:
        Images have no masks.

    Numerics:
        Gate, product and sums over windows are float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 4))
    >>> layer = keras_hadamard.layers.GatedFeedForward2D()
    >>> layer(x).shape, layer.count_params()
    (TensorShape([2, 8, 8, 4]), 300)

    Reference:
        - [Restormer: Efficient Transformer for High-Resolution Image Restoration (Zamir et al.,
          2022)](https://arxiv.org/abs/2111.09881)
    """

    def __init__(
        self,
        expansion: float = 2.66,
        kernel_size: int = 3,
        activation: Activation = "gelu",
        depthwise_initializer: Initializer = None,
        use_bias: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[KernelArguments],
    ) -> None:
        super().__init__(depthwise_initializer, data_format, use_bias=use_bias, **kwargs)
        self.expansion = expansion_ratio("expansion", expansion)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.activation = get_activation(activation)

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        channels = shape[-1] or 0
        hidden = expanded(channels, self.expansion, "expansion")
        both = (*shape[:-1], 2 * hidden)
        self.hidden_projection = self.project(
            hidden, "hidden_projection", blocks=2, input_shape=shape
        )
        self.depthwise = convolve_depthwise(
            self,
            self.kernel_size,
            "depthwise",
            kernel_initializer=self.depthwise_initializer,
            input_shape=both,
        )
        self.output_projection = self.project(
            channels, "output_projection", input_shape=(*shape[:-1], hidden)
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self.data_format)
        gate, value = ops.split(self.depthwise(self.hidden_projection(x)), 2, axis=-1)
        hidden = glu(value, gate, activation=self.activation)
        return to_last(self.output_projection(hidden), self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expansion": self.expansion,
            "kernel_size": self.kernel_size,
            "activation": serialize_activation(self.activation),
        }
