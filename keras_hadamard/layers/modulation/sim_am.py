"""The attention without weights."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, image_format
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.modulation._expansion import expansion_ratio
from keras_hadamard.ops import modulate


@serializable
class SimAM(KernelFreeLayer):
    """Attention without weights: each pixel is gated by how much it differs from its channel.

    `y = x * sigmoid(d / (4 * (sum(d) / (n - 1) + epsilon)) + 1 / 2) with d = (x - mean(x))^2`, mean
    and sum over the `n` pixels of a channel. It is the minimum of the energy of a linear neuron
    that separates the pixel from the others. The gate is at least 0.62.

    Args:
        epsilon: Float, added to the variance, the paper's lambda. Defaults to `0.0001`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        The shape of the input.

    Weights:
        `0`.

    Masking:
        Images have no masks.

    Numerics:
        Everything is computed in float32 under 16-bit policies. An image of one pixel has no
        variance; its gate is `sigmoid(1 / 2)`, where the authors' code divides zero by zero.

    Raises:
        ValueError: If `epsilon` is not positive or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> y = keras_hadamard.layers.SimAM()(x)
    >>> y.shape, round(float(y[0, 0, 0, 0]), 3)
    (TensorShape([2, 8, 8, 3]), 0.622)

    Reference:
        - [SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks (Yang
          et al., 2021)](https://proceedings.mlr.press/v139/yang21o.html)
    """

    def __init__(
        self, epsilon: float = 1e-4, data_format: str | None = None, **kwargs: Unpack[BaseArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = expansion_ratio("epsilon", epsilon)
        self.data_format = image_format(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        height, width = pixels = (1, 2) if self.data_format == "channels_last" else (2, 3)
        x = ops.cast(inputs, accumulation_dtype(inputs.dtype))
        sides = ops.shape(x)
        n = ops.cast(sides[height] * sides[width], x.dtype)
        d = ops.square(x - ops.mean(x, axis=pixels, keepdims=True))
        variance = ops.sum(d, axis=pixels, keepdims=True) / ops.maximum(n - 1, 1)
        gate = ops.sigmoid(d / (4 * (variance + self.epsilon)) + 0.5)
        return modulate(inputs, ops.cast(gate, inputs.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, self.data_format)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }
