"""Convolutions and padding of gated convolutions."""

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._base_conv import BaseConv
from keras_hadamard.layers._convolutions import convolve

# Padding with pixels of the image, with the names of `keras.ops.pad`.
MIRRORED = ("symmetric", "reflect")


def convolution(layer: BaseConv, kind: Callable[..., Any], name: str, input_shape: Shape) -> Any:
    """Creates a convolution over the windows of a layer, which `pad_mirrored` may pad for."""
    batch, *sides, channels = layer.channels_last_shape(input_shape)
    return convolve(
        layer,
        layer.filters,
        layer.kernel_size,
        name,
        strides=layer.strides,
        padding="valid" if layer.padding in MIRRORED else layer.padding,
        dilation=layer.dilation_rate,
        kind=kind,
        # Sizes are unknown: mirrored sides are larger than those of the input.
        input_shape=(batch, *[None for _ in sides], channels),
    )


def pad_mirrored(layer: BaseConv, x: Tensor) -> Tensor:
    """A channels-last input with the padding that Keras's convolutions do not support."""
    if layer.padding not in MIRRORED:
        return x
    return ops.pad(x, [(0, 0), *layer.pads, (0, 0)], mode=layer.padding)
