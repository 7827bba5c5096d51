"""Sinusoidal filters of the input: the branches of multiplicative filter networks."""

import math
import random
from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import positive_int, received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Initializer, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.ops._precision import at_least_float32
from keras_hadamard.ops._sine import sine


@serializable
class FourierFilter(BaseLayer):
    """Sinusoidal filter of coordinates, the branch of a Fourier filter network.

    It is for two or three coordinates within -1 and 1, on a grid as dense as that of a picture:
    with the default `input_scale` neighbours that are a hundredth apart have other signs. For
    scattered points, or wider inputs, choose an `input_scale` of about 3.

    `g(x) = sin(x W + phi)`, with `W` of shape `(width, units)` and `phi` of shape `(units,)`. A
    multiplicative filter network multiplies it with the projection of the layer before:
    `z_(i+1) = (z_i W_i + b_i) * g_(i+1)(x)`.

    Args:
        units: Integer, the width of the output.
        input_scale: Float, the largest frequency times `sqrt(width)`: the kernel starts uniform
            within `input_scale / sqrt(width)`. The authors divide their 256 by the square root of
            the number of filters in the network. Defaults to `256.0`.
        seed: Integer, the seed of the published initialisation. Defaults to `None`.
        **kwargs: Arguments of the projection (`use_bias` for the phase, `kernel_initializer`, and
            `bias_initializer`, which if not given are the published ones, their regularizers and
            constraints, as `keras.layers.Dense` has them) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor, coordinates within -1 and 1 as the initialisation expects them.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `(width + 1) * units`.

    Masking:
        The mask is passed on.

    Numerics:
        The phase is computed in float32 under 16-bit policies, from inputs as they are given: in
        float16 the phase of a coordinate would be wrong by about `input_scale / 2000`. GPUs that
        multiply float32 matrices in TensorFloat-32 round the phase likewise, unless
        `tf.config.experimental.enable_tensor_float_32_execution(False)` forbids it. The phases
        start uniform within -pi and pi.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> coordinates = keras.ops.ones((4, 2))
    >>> keras_hadamard.layers.FourierFilter(3, input_scale=30.0)(coordinates).shape
    TensorShape([4, 3])

    Reference:
        - [Multiplicative Filter Networks (Fathony et al., 2021)](
          https://openreview.net/forum?id=OmtmcPkkhT)
    """

    def __init__(
        self, units: int, input_scale: float = 256.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        published = {"kernel_initializer": None, "bias_initializer": None}
        # Without autocast: coordinates are not to be rounded to 16 bits.
        super().__init__(autocast=False, **{**published, **kwargs})
        self.units = positive_int("units", units)
        self.input_scale = positive("input_scale", input_scale)
        self.seed = seed
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        self._seed = drawn(self.seed)
        self.kernel = self._add(
            "kernel",
            (input_shape[-1], self.units),
            self.kernel_initializer or self._kernel_start(),
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self._add(
                "bias",
                (self.units,),
                self.bias_initializer
                or keras.initializers.RandomUniform(-math.pi, math.pi, seed=self._seed),
                self.bias_regularizer,
                self.bias_constraint,
            )

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        return ops.cast(self._filter(x), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "input_scale": self.input_scale,
            "seed": self.seed,
        }

    def _filter(self, x: Tensor) -> Tensor:
        phase = ops.matmul(x, self.kernel)
        return sine(phase if self.bias is None else phase + self.bias)

    def _kernel_start(self) -> Initializer:
        # A uniform distribution of variance s^2 / (3 width) ends at s / sqrt(width).
        return keras.initializers.VarianceScaling(
            self.input_scale**2 / 3, "fan_in", "uniform", seed=self._seed
        )

    def _add(
        self,
        name: str,
        shape: Shape,
        initializer: Initializer,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=regularizer,
            constraint=constraint,
            autocast=False,
        )

    @staticmethod
    def _check(input_shape: Shape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise received("an input (batch, ..., width) of known width", shape=input_shape)


def positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise received(f"`{name}` to be a positive number", **{name: value})
    return float(value)


def drawn(seed: int | None) -> int:
    """A seed that is known, so that draws can be repeated."""
    return random.randint(1, 10**9) if seed is None else seed
