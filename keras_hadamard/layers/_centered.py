"""Convolution whose kernel is centred on its output, for every stride."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer


@serializable
class CenteredConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D(padding="same")` that pads equally on both sides.

    With a stride, Keras pads more after the last pixel, so its output of the same size is shifted
    by half a pixel from that of the published networks, which pad symmetrically.
    """

    def call(self, inputs: Tensor) -> Tensor:
        if self.padding != "same" or max(self.strides) == 1:
            return super().call(inputs)
        if any(size % 2 == 0 for size in self.kernel_size):
            raise received("odd kernels if there are strides", kernel_size=self.kernel_size)
        sides = [((size - 1) // 2,) * 2 for size in self.kernel_size]
        last = self.data_format == "channels_last"
        x = ops.pad(inputs, [(0, 0), *sides, (0, 0)] if last else [(0, 0), (0, 0), *sides])
        x = ops.conv(x, self.kernel, list(self.strides), "valid", self.data_format)
        if self.use_bias:
            x = x + ops.reshape(self.bias, (-1,) if last else (1, -1, 1, 1))
        return self.activation(x) if self.activation is not None else x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(super().compute_output_shape(input_shape))


@serializable
class CenteredMaxPooling2D(KernelFreeLayer):
    """Maximum over windows that are centred on the outputs, like the convolution's."""

    def __init__(self, pool_size: int = 3, strides: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = pool_size
        self.strides = strides

    def call(self, inputs: Tensor) -> Tensor:
        if self.strides == 1:
            return ops.max_pool(inputs, self.pool_size, 1, "same", data_format="channels_last")
        side = ((self.pool_size - 1) // 2,) * 2
        # The padding must not be the maximum, even if all pixels are negative.
        x = ops.pad(inputs, [(0, 0), side, side, (0, 0)], constant_values=-float("inf"))
        return ops.max_pool(x, self.pool_size, self.strides, "valid", data_format="channels_last")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, channels = input_shape
        return (batch, *(None if n is None else -(-n // self.strides) for n in sides), channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
        }
