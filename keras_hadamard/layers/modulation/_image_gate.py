"""What the layers share that multiply an image by gates of its channels and positions."""

from abc import abstractmethod
from typing import Any

from keras import ops

from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import image_format, known_image, to_last
from keras_hadamard.layers._normalization.batch import statistics_dtype
from keras_hadamard.ops import modulate


class ImageGate(BaseLayer):
    """Base of attention over channels and positions: `data_format`, the shape, the projections."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = image_format(data_format)

    def build(self, input_shape: Shape) -> None:
        self.build_gates(known_image(input_shape, self.data_format))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        known_image(tuple(inputs.shape), self.data_format)
        y = self.gated(to_last(inputs, self.data_format), training)
        return to_last(y, self.data_format, back=True)

    @abstractmethod
    def build_gates(self, shape: Shape) -> None:
        """Creates what the gates are computed with, of the shape of a channels-last image."""

    @abstractmethod
    def gated(self, x: Tensor, training: bool | None) -> Tensor:
        """The product of a channels-last image and its gates."""

    def build_bottleneck(self, channels: int, hidden_units: int, activation: Activation) -> None:
        """Two projections of the channels, to `hidden_units` and back."""
        self.squeeze = self.project(
            hidden_units, "squeeze", activation=activation, input_shape=(None, channels)
        )
        self.excite = self.project(channels, "excite", input_shape=(None, hidden_units))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        known_image(input_shape, self.data_format)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


def squeezed(channels: int, ratio: float, divisor: int) -> int:
    """The width `channels * ratio` to the nearest multiple of a divisor, at least one of them."""
    return max(divisor, int(channels * ratio + divisor / 2) // divisor * divisor)


def mean_of(x: Tensor, axes: int | tuple[int, ...], keepdims: bool = False) -> Tensor:
    """The mean of an image, of which 16-bit sums would overflow."""
    mean = ops.mean(ops.cast(x, statistics_dtype(x)), axis=axes, keepdims=keepdims)
    return ops.cast(mean, x.dtype)


def gate_by(x: Tensor, logits: Tensor, activation: Activation = "sigmoid") -> Tensor:
    """The product of an image and the gate of each of its channels or positions."""
    gate = get_activation(activation)(ops.cast(logits, statistics_dtype(x)))
    return modulate(x, ops.cast(gate, x.dtype))
