"""Instance normalisation of some channels, batch normalisation of the others."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers._normalization.batch import EPSILON, BatchNormalization


@serializable
class InstanceBatchNormalization(KernelFreeLayer):
    """The first `ratio` of the channels are normalised by image, the rest by batch (IBN-Net)."""

    def __init__(self, ratio: float = 0.8, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ratio = float(ratio)
        self.axis = axis

    def build(self, input_shape: Shape) -> None:
        channels = int(input_shape[self.axis] or 0)
        self.split = int(channels * self.ratio)
        shapes = []
        for width in (self.split, channels - self.split):
            shape = list(input_shape)
            shape[self.axis] = width
            shapes.append(tuple(shape))
        self.instance = keras.layers.GroupNormalization(
            -1, self.axis, epsilon=EPSILON, dtype=self.dtype_policy, name="instance"
        )
        self.batch = BatchNormalization(self.axis, dtype=self.dtype_policy, name="batch")
        self.instance.build(shapes[0])
        self.batch.build(shapes[1])

    def call(self, inputs: Tensor) -> Tensor:
        by_image, by_batch = ops.split(inputs, [self.split], axis=self.axis)
        return ops.concatenate([self.instance(by_image), self.batch(by_batch)], axis=self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ratio": self.ratio, "axis": self.axis}
