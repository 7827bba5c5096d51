"""Positions of regions in their image, as two more channels."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor


@serializable
class RegionPositions(keras.layers.Layer):
    """Appends the row and the column of each region, from -1 to 1:
    `(batch, rows * columns, channels + 2)` of `(batch, rows, columns, channels)`."""

    def call(self, inputs: Tensor) -> Tensor:
        batch, rows, columns, channels = ops.shape(inputs)
        y, x = (self._axis(n, inputs) for n in (rows, columns))
        like = ops.zeros_like(inputs[..., :1])
        placed = ops.concatenate([inputs, like + y[:, None, None], like + x[:, None]], axis=-1)
        return ops.reshape(placed, (batch, rows * columns, channels + 2))

    @staticmethod
    def _axis(count: Any, like: Tensor) -> Tensor:
        steps = ops.cast(ops.arange(count), like.dtype)
        return 2 * (steps + 0.5) / ops.cast(count, like.dtype) - 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, rows, columns, channels = input_shape
        known = None not in (rows, columns)
        return (batch, rows * columns if known else None, channels + 2)  # type: ignore[operator]
