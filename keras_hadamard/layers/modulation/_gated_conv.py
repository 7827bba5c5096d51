"""Gated convolutions over any number of axes."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import to_last
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._windowed import MIRRORED, Windowed
from keras_hadamard.ops import glu


class GatedConv(Windowed):
    """Base of `GatedConv1D` and `GatedConv2D`."""

    convolution_layer: ClassVar[Any] = keras.layers.Conv2D
    paddings: ClassVar[tuple[str, ...]] = ("same", "valid", *MIRRORED)

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...] = 3,
        strides: int | tuple[int, ...] = 1,
        padding: str = "same",
        dilation_rate: int | tuple[int, ...] = 1,
        activation: Activation = "elu",
        gate_activation: Activation = "sigmoid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, dilation_rate, data_format, **kwargs
        )
        self.activation = get_activation(activation)
        self.gate_activation = get_activation(gate_activation)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        batch, *sides, channels = self.known(input_shape)
        # Two convolutions, not one whose output is split: on a CPU the copies of the halves cost
        # more than reading the input twice.
        self.value_convolution, self.gate_convolution = (
            convolve(
                self,
                self.filters,
                self.kernel_size,
                name,
                strides=self.strides,
                padding="valid" if self.padding in MIRRORED else self.padding,
                dilation=self.dilation_rate,
                kind=self.convolution_layer,
                # Of any size: mirrored sides are larger than those of the input.
                input_shape=(batch, *[None for _ in sides], channels),
            )
            for name in ("value_convolution", "gate_convolution")
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self.data_format)
        if self.padding in MIRRORED:
            x = ops.pad(x, [(0, 0), *self.pads, (0, 0)], mode=self.padding)
        value = self.activation(self.value_convolution(x))
        y = glu(value, self.gate_convolution(x), activation=self.gate_activation)
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "gate_activation": serialize_activation(self.gate_activation),
        }
