"""Base class and steps of the sinusoidal filters."""

import math
import random
from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, positive_number
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._initializers import seed_for
from keras_hadamard.layers.high_order._widths import check_width
from keras_hadamard.ops._sine import sine


class SinusoidalFilter(BaseLayer):
    """Base of the filters: their arguments, and the shape of their output."""

    def __init__(
        self,
        units: int,
        input_scale: float,
        seed: int | None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", None)
        kwargs.setdefault("bias_initializer", None)
        # Without autocast: coordinates are not to be rounded to 16 bits.
        super().__init__(autocast=False, **kwargs)
        self.units = positive_int("units", units)
        self.input_scale = positive_number("input_scale", input_scale)
        self.seed = seed
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "input_scale": self.input_scale,
            "seed": self.seed,
        }


def add_parameter(
    layer: SinusoidalFilter,
    name: str,
    shape: Shape,
    initializer: Initializer,
    regularizer: Any = None,
    constraint: Any = None,
    trainable: bool = True,
) -> Any:
    """A weight that is not rounded to 16 bits."""
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=initializer,
        regularizer=regularizer,
        constraint=constraint,
        trainable=trainable,
        autocast=False,
    )


def add_phase(layer: SinusoidalFilter, seed: int) -> Any:
    """The phases, by default uniform within -pi and pi, or None."""
    if not layer.use_bias:
        return None
    uniform = keras.initializers.RandomUniform(-math.pi, math.pi, seed=seed)
    return add_parameter(
        layer,
        "bias",
        (layer.units,),
        layer.bias_initializer or uniform,
        layer.bias_regularizer,
        layer.bias_constraint,
    )


def uniform_frequencies(input_scale: float, seed: int) -> Initializer:
    """Uniform within `input_scale / sqrt(width)`."""
    # A uniform distribution of variance s^2 / (3 width) ends at s / sqrt(width).
    return keras.initializers.VarianceScaling(input_scale**2 / 3, "fan_in", "uniform", seed=seed)


def whole_frequencies(bands: Sequence[int], seed: int) -> Initializer:
    """Of each coordinate, two pi times whole numbers, uniform within its band."""

    def draw(shape: Shape, dtype: Any = None) -> Tensor:
        rows = [
            keras.random.randint(shape[1:], -band, band + 1, seed=seed_for(seed, f"band_{i}"))
            for i, band in enumerate(bands)
        ]
        return 2 * math.pi * ops.cast(ops.stack(rows), dtype)

    return draw


def sinusoid(x: Tensor, kernel: Any, bias: Any) -> Tensor:
    """`sin(x W + phi)`."""
    phase = ops.matmul(x, kernel)
    return sine(phase if bias is None else phase + bias)


def known_seed(seed: int | None) -> int:
    """The seed, or a drawn one, so that draws can be repeated."""
    return random.randint(1, 10**9) if seed is None else seed
