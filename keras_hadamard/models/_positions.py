"""Sines of positions, for mixers that ignore the order of positions."""

import math
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer

LONGEST = 10_000.0


@serializable
class Positions(KernelFreeLayer):
    """Adds sines and cosines of each axis of positions, scaled by a learned vector.

    The features are divided among the axes. Unlike a table of positions, it supports any length.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        axes = len(input_shape) - 2
        if axes < 1 or input_shape[-1] is None or input_shape[-1] % (2 * axes):
            raise received(
                f"positions and a width that {2 * max(axes, 1)} divides", shape=input_shape
            )
        # As small as the initial values of an embedding.
        self.scale = self.add_weight(
            name="scale",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(0.05),
            autocast=False,
        )

    def call(self, inputs: Tensor) -> Tensor:
        axes = len(inputs.shape) - 2
        y = inputs
        for axis in range(axes):
            positions = ops.arange(ops.shape(inputs)[axis + 1])
            waves = self.waves(positions, axis, axes)
            others = [1] * (axes - axis - 1)
            y = y + ops.cast(ops.reshape(waves, (-1, *others, inputs.shape[-1])), y.dtype)
        return y

    def at(self, inputs: Tensor, position: Tensor) -> Tensor:
        """The features of one position, (batch, width), of a sequence."""
        return inputs + ops.cast(self.waves(position, 0, 1), inputs.dtype)

    def waves(self, positions: Tensor, axis: int, axes: int) -> Tensor:
        """(..., width): zero except at the features of the axis."""
        dtype, width = accumulation_dtype(self.compute_dtype), self.scale.shape[0]
        half = width // (2 * axes)
        rates = ops.exp(ops.arange(half, dtype=dtype) * (-math.log(LONGEST) / half))
        angles = ops.expand_dims(ops.cast(positions, dtype), -1) * rates
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        before = 2 * half * axis
        sides = [(0, 0)] * (len(waves.shape) - 1) + [(before, width - before - 2 * half)]
        return ops.pad(waves, sides) * ops.cast(self.scale, dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
