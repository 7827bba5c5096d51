"""The convolutional gated linear unit."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers.pairwise._image_mixer import ImageMixer
from keras_hadamard.ops import glu


@serializable
class ConvGLU(ImageMixer):
    """Convolutional gated linear unit: a feed-forward layer whose gate sees the neighbours.

    `y = U (v * activation(D(g))) with [g, v] = W x`, with `W` of shape
    `(channels, 2 * hidden_units)`, `U` of `(hidden_units, channels)` and `D` a depthwise
    convolution. The convolution is on the gate, so each pixel is gated by its neighbourhood;
    `GatedFeedForward2D` has one on both halves, `GatedConvBlock2D` on the other one.

    Args:
        hidden_units: Integer, the width of the product. Defaults to `None`, two thirds of four
            times the channels, rounded down: about as many weights as two projections with four
            times the channels between them.
        kernel_size: Integer, the side of the depthwise kernel. Defaults to `3`.
        activation: Name or function of the gate. Defaults to `"gelu"`.
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
        `hidden_units * (3 * channels + kernel_size**2 + 3) + channels`, where `hidden_units` =
        `8 * channels // 3`.

    Masking:
        Images have no masks.

    Numerics:
        Gate, product and sums over windows are float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 6))
    >>> layer = keras_hadamard.layers.ConvGLU()
    >>> layer(x).shape, layer.hidden_projection.units
    (TensorShape([2, 8, 8, 6]), 32)

    Reference:
        - [TransNeXt: Robust Foveal Visual Perception for Vision Transformers (Shi, 2024)](
          https://arxiv.org/abs/2311.17132)
    """

    def __init__(
        self,
        hidden_units: int | None = None,
        kernel_size: int = 3,
        activation: Activation = "gelu",
        depthwise_initializer: Initializer = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(depthwise_initializer, data_format, **kwargs)
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.activation = get_activation(activation)

    def build(self, input_shape: Shape) -> None:
        shape = check_image_shape(input_shape, self.data_format)
        channels = shape[-1] or 0
        hidden = self.hidden_units or 8 * channels // 3
        wide = (*shape[:-1], hidden)
        self.hidden_projection = self.project(
            hidden, "hidden_projection", blocks=2, input_shape=shape
        )
        self.depthwise = convolve_depthwise(
            self,
            self.kernel_size,
            "depthwise",
            kernel_initializer=self.depthwise_initializer,
            input_shape=wide,
        )
        self.output_projection = self.project(channels, "output_projection", input_shape=wide)

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self.data_format)
        gate, value = ops.split(self.hidden_projection(x), 2, axis=-1)
        hidden = glu(value, self.depthwise(gate), activation=self.activation)
        return to_last(self.output_projection(hidden), self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "kernel_size": self.kernel_size,
            "activation": serialize_activation(self.activation),
        }
