"""Efficient channel attention."""

import math
from typing import Any, Unpack

import keras

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers.modulation._image_gate import ImageGate, apply_gate, image_mean


@serializable
class EfficientChannelAttention2D(ImageGate):
    """Efficient channel attention (ECA): gates of channels from their neighbours' means.

    `y = x * sigmoid(conv(s))` with `s`, of shape `(batch, channels)`, the mean of every channel and
    `conv` over `kernel_size` neighbouring channels: a few weights for any width.

    Args:
        kernel_size: Integer, the number of channels that a gate sees. Defaults to `None`, an odd
            number near `log2(channels) / 2 + 1 / 2`: as in the authors' code, its integer part,
            plus one if that is even. (timm takes at least 3.)
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolution (`use_bias`, here `False` by default,
            `kernel_initializer` and so on), and of the base layer.

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        The shape of the input.

    Weights:
        `kernel_size`, where `kernel_size` = `(log2(channels) + 1) // 4 * 2 + 1`.

    Masking:
        Images have no masks.

    Numerics:
        Means, gates and products are computed in float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 64))
    >>> layer = keras_hadamard.layers.EfficientChannelAttention2D()
    >>> layer(x).shape, layer.count_params()
    (TensorShape([2, 8, 8, 64]), 3)

    Reference:
        - [ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks (Wang et al.,
          2020)](https://arxiv.org/abs/1910.03151)
    """

    def __init__(
        self,
        kernel_size: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("use_bias", False)
        super().__init__(data_format, **kwargs)
        if kernel_size is not None:
            kernel_size = positive_int("kernel_size", kernel_size)
        self.kernel_size = kernel_size

    def build(self, input_shape: Shape) -> None:
        batch, *_, channels = check_image_shape(input_shape, self.data_format)
        near = int((math.log2(channels or 0) + 1) / 4) * 2 + 1
        self.convolution = self.sublayer(
            keras.layers.Conv1D,
            1,
            self.kernel_size or near,
            padding="same",
            data_format="channels_last",
            name="convolution",
        )
        self.convolution.build((batch, channels, 1))

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        x = to_last(inputs, self.data_format)
        means = image_mean(x, (1, 2))
        y = apply_gate(x, self.convolution(means[..., None])[..., 0])
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}
