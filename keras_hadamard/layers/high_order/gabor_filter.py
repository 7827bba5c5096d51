"""Gabor filters of the input: sinusoids in a window."""

from collections.abc import Callable
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_number
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Constraint, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._initializers import initializer_for
from keras_hadamard.layers.high_order._sinusoids import (
    SinusoidalFilter,
    add_parameter,
    add_phase,
    known_seed,
    sinusoid,
    uniform_frequencies,
)
from keras_hadamard.layers.high_order._widths import check_width

# The number of elementwise steps that cost no more than one broadcast with an extra axis.
UNROLLED = 16


@serializable
class GaborFilter(SinusoidalFilter):
    """Gabor filter of coordinates, the branch of a Gabor filter network.

    It is for two or three coordinates within -1 and 1, such as those of a pixel. The exponent of
    the window grows with the width of the input, to about minus twice the width at the start: for
    64 features, all outputs are zero. Project wider inputs to a few coordinates before; scattered
    points need an `input_scale` of about 3, as in `FourierFilter`.

    `g(x) = sin(x W + phi) * exp(-gamma / 2 * ||x - mu||^2)`: the sinusoid of `FourierFilter` in a
    Gaussian window of each unit, with a centre `mu`, stored as `(width, units)`, and a width
    `gamma` of shape `(units,)`.

    Args:
        units: Integer, the width of the output.
        input_scale: Float, the scale of the frequencies: the kernel starts uniform within
            `input_scale * sqrt(gamma / width)`, with the starting `gamma` of each unit. The authors
            divide their 256 by the square root of the number of filters in the network. Defaults to
            `256.0`.
        alpha: Float, the shape of the Gamma distribution from which `gamma` starts. The authors
            divide their 6 by the number of filters in the network. Defaults to `6.0`.
        beta: Float, the rate of that distribution. Defaults to `1.0`.
        gamma_constraint: Constraint of `gamma`. Defaults to `"non_neg"`; `None` is as in the
            authors' code, whose windows grow without bound once a `gamma` is negative.
        seed: Integer, the seed of the published initialisation. Defaults to `None`.
        **kwargs: Arguments of the projection (`use_bias` for the phase, `kernel_initializer`, and
            `bias_initializer`, which if not given are the published ones, their regularizers and
            constraints, as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor, coordinates within -1 and 1, where the centres start.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `2 * (width + 1) * units`.

    Masking:
        The mask is passed on.

    Numerics:
        Computed in float32 under 16-bit policies, from the unrounded inputs. The distance is the
        sum of squared differences; the authors expand it to `|x|^2 + |mu|^2 - 2 x mu`, which
        cancels near the centre and may be negative. Above 16 coordinates, the differences for all
        of them are in memory at once.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> coordinates = keras.ops.ones((4, 2))
    >>> keras_hadamard.layers.GaborFilter(3, input_scale=30.0)(coordinates).shape
    TensorShape([4, 3])

    Reference:
        - [Multiplicative Filter Networks (Fathony et al., 2021)](
          https://openreview.net/forum?id=OmtmcPkkhT)
    """

    def __init__(
        self,
        units: int,
        input_scale: float = 256.0,
        alpha: float = 6.0,
        beta: float = 1.0,
        gamma_constraint: Constraint = "non_neg",
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, input_scale, seed, **kwargs)
        self.alpha = positive_number("alpha", alpha)
        self.beta = positive_number("beta", beta)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        seed = known_seed(self.seed)
        gamma = GammaDistribution(self.alpha, self.beta, seed)
        start = window_frequencies(self.input_scale, gamma, seed)
        self.kernel = add_parameter(
            self,
            "kernel",
            (input_shape[-1], self.units),
            self.kernel_initializer or start,
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        self.bias = add_phase(self, seed)
        centres = keras.initializers.RandomUniform(-1.0, 1.0, seed=seed)
        self.mu = add_parameter(self, "mu", (input_shape[-1], self.units), centres)
        self.gamma = add_parameter(
            self, "gamma", (self.units,), gamma, constraint=self.gamma_constraint
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, accumulation_dtype(self.compute_dtype))
        window = ops.exp(-0.5 * self.gamma * squared_distance(x, self.mu))
        return ops.cast(sinusoid(x, self.kernel, self.bias) * window, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "beta": self.beta,
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
        }


@serializable
class GammaDistribution(keras.initializers.Initializer):
    """Draws from the Gamma distribution of a shape `alpha` and a rate `beta`."""

    def __init__(self, alpha: float, beta: float, seed: int) -> None:
        self.alpha, self.beta, self.seed = alpha, beta, seed

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        return keras.random.gamma(shape, self.alpha, dtype=dtype, seed=self.seed) / self.beta

    def get_config(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "beta": self.beta, "seed": self.seed}


def window_frequencies(
    input_scale: float, gamma: GammaDistribution, seed: int
) -> Callable[..., Tensor]:
    """Uniform within `input_scale * sqrt(gamma / width)`: narrow windows have high frequencies."""
    uniform = initializer_for(uniform_frequencies(input_scale, seed), "kernel")
    # Repeats the draw of the weight with that name.
    draw = initializer_for(gamma, "gamma")

    def start(shape: Shape, dtype: Any = None) -> Tensor:
        return uniform(shape, dtype) * ops.sqrt(draw(shape[-1:], dtype))

    return start


def squared_distance(x: Tensor, centres: Tensor) -> Tensor:
    """The squared distances of `(..., width)` to `(width, units)`, without cancellation."""
    if centres.shape[0] > UNROLLED:
        return ops.sum(ops.square(ops.expand_dims(x, -1) - centres), axis=-2)
    total = ops.square(x[..., :1] - centres[0])
    for i in range(1, centres.shape[0]):
        total = total + ops.square(x[..., i : i + 1] - centres[i])
    return total
