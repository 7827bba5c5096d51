"""Convolution whose kernel stands centred on its output, whatever the stride."""

import keras
from keras import ops

from keras_hadamard._checks import received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Shape, Tensor


@serializable
class CenteredConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D(padding="same")` that pads equally on both sides.

    With a stride Keras pads after the last pixel first, so its output of the same size lies half
    a pixel from what the published networks, written with symmetric padding, compute.
    """

    def call(self, inputs: Tensor) -> Tensor:
        if self.padding != "same" or max(self.strides) == 1:
            return super().call(inputs)
        if any(size % 2 == 0 for size in self.kernel_size):
            raise received("odd kernels where there are strides", kernel_size=self.kernel_size)
        sides = [((size - 1) // 2,) * 2 for size in self.kernel_size]
        last = self.data_format == "channels_last"
        x = ops.pad(inputs, [(0, 0), *sides, (0, 0)] if last else [(0, 0), (0, 0), *sides])
        x = ops.conv(x, self.kernel, list(self.strides), "valid", self.data_format)
        if self.use_bias:
            x = x + ops.reshape(self.bias, (-1,) if last else (1, -1, 1, 1))
        return self.activation(x) if self.activation is not None else x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(super().compute_output_shape(input_shape))
