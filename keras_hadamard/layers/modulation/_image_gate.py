"""Base class and arithmetic of gates of an image's channels and positions."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import check_image_shape, image_format
from keras_hadamard.ops import modulate


class ImageGate(BaseLayer):
    """Base of layers that multiply an image by gates: `data_format`, and the output's shape."""

    def __init__(
        self, data_format: str | None = None, **kwargs: Unpack[ProjectionArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = image_format(data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, self.data_format)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


def round_channels(channels: int, ratio: float, divisor: int) -> int:
    """The width `channels * ratio`, rounded to a multiple of a divisor, at least the divisor."""
    return max(divisor, int(channels * ratio + divisor / 2) // divisor * divisor)


def image_mean(x: Tensor, axes: int | tuple[int, ...], keepdims: bool = False) -> Tensor:
    """The mean of an image in float32, as 16-bit sums would overflow."""
    mean = ops.mean(ops.cast(x, accumulation_dtype(x.dtype)), axis=axes, keepdims=keepdims)
    return ops.cast(mean, x.dtype)


def apply_gate(x: Tensor, logits: Tensor, activation: Activation = "sigmoid") -> Tensor:
    """The product of an image and the gate of each of its channels or positions."""
    gate = get_activation(activation)(ops.cast(logits, accumulation_dtype(x.dtype)))
    return modulate(x, ops.cast(gate, x.dtype))
