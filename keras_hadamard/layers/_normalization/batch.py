"""Batch normalisation with PyTorch's epsilon, momentum and running variance."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor

EPSILON = 1e-5


@serializable
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation whose running variance is the unbiased one.

    Keras records the biased variance that it divides by; PyTorch records it times n / (n - 1), so
    networks trained in Keras and PyTorch differ at inference unless the layer does the same.
    """

    def __init__(
        self, axis: int = -1, momentum: float = 0.9, epsilon: float = EPSILON, **kwargs: Any
    ) -> None:
        super().__init__(axis=axis, momentum=momentum, epsilon=epsilon, **kwargs)

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if not training or not self.trainable or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        # 16-bit sums of squares overflow.
        x = ops.cast(inputs, accumulation_dtype(inputs.dtype))
        axis = self.axis % len(inputs.shape)
        axes = [i for i in range(len(inputs.shape)) if i != axis]
        mean, variance = ops.moments(x, axes=axes)
        count = ops.cast(ops.size(x) / ops.shape(x)[axis], x.dtype)
        unbiased = variance * (count / ops.maximum(count - 1, 1))
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
            value = ops.cast(value, moving.dtype)
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        y = ops.batch_normalization(
            x,
            mean,
            variance,
            axis=axis,
            offset=None if self.beta is None else ops.cast(self.beta, x.dtype),
            scale=None if self.gamma is None else ops.cast(self.gamma, x.dtype),
            epsilon=self.epsilon,
        )
        return ops.cast(y, self.compute_dtype)
