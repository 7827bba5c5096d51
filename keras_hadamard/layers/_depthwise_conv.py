"""Depthwise convolution as a layer: Keras's, computed by our op."""

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._channels import to_last
from keras_hadamard.ops.depthwise_conv2d import depthwise_conv2d


@serializable
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D`, fast inside XLA on a CPU too, also channels-first.

    `padding="same"` pads equally on both sides for every stride. Weights and configuration are
    Keras's. Keras also computes what the op does not support: a depth multiplier, and steps that
    differ by axis.
    """

    def call(self, inputs: Tensor) -> Tensor:
        if self.depth_multiplier > 1 or any(len(set(s)) > 1 for s in self._steps):
            return super().call(inputs)
        (strides, _), (dilation, _) = self._steps
        x = to_last(inputs, self.data_format)
        x = depthwise_conv2d(
            x, self.kernel, strides=strides, padding=self.padding, dilation=dilation
        )
        if self.use_bias:
            x = x + self.bias
        if self.activation is not None:
            x = self.activation(x)
        return to_last(x, self.data_format, back=True)

    @property
    def _steps(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return self.strides, self.dilation_rate

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(super().compute_output_shape(input_shape))
