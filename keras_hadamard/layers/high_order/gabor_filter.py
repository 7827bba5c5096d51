"""Gabor filters of the input: sinusoids in a window."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._export import serializable
from keras_hadamard._typing import Constraint, Initializer, Shape, Tensor
from keras_hadamard.layers._initializers import initializer_for
from keras_hadamard.layers.high_order.fourier_filter import FourierFilter, positive

# As many elementwise steps as cost no more than one broadcast with an axis of its own.
UNROLLED = 16


@serializable
class GaborFilter(FourierFilter):
    """Gabor filter of coordinates, the branch of a Gabor filter network.

    It is for two or three coordinates within -1 and 1, as of a pixel. The exponent of the window
    grows with the width of the input, to about minus twice the width at the start: of 64 features
    all outputs are zero. Wider inputs are projected to a few coordinates before; scattered points
    need an `input_scale` of about 3, as of `FourierFilter`.

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
        gamma_constraint: Constraint of `gamma`. Defaults to `"non_neg"`; `None` is the authors'
            code, whose windows grow without bound once a `gamma` is negative.
        seed: Integer, the seed of the published initialisation. Defaults to `None`.
        **kwargs: Arguments of the projection (`use_bias` for the phase, `kernel_initializer`, and
            `bias_initializer`, which if not given are the published ones, their regularizers and
            constraints, as `keras.layers.Dense` has them) and of the base layer (`name`, `dtype`,
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
        Computed in float32 under 16-bit policies, from inputs as they are given. The distance is
        the sum of squared differences; the authors expand it to `|x|^2 + |mu|^2 - 2 x mu`, which
        cancels near the centre and may be negative. Above 16 coordinates the differences are held
        for all of them at once.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(units, input_scale, seed, **kwargs)
        self.alpha = positive("alpha", alpha)
        self.beta = positive("beta", beta)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        uniform = keras.initializers.RandomUniform(-1.0, 1.0, seed=self._seed)
        self.mu = self._add("mu", (input_shape[-1], self.units), uniform)
        self.gamma = self._add(
            "gamma", (self.units,), self._gamma_start(), constraint=self.gamma_constraint
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "beta": self.beta,
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
        }

    def _filter(self, x: Tensor) -> Tensor:
        window = ops.exp(-0.5 * self.gamma * squared_distance(x, self.mu))
        return super()._filter(x) * window

    def _gamma_start(self) -> Initializer:
        return GammaDistribution(self.alpha, self.beta, self._seed)

    def _kernel_start(self) -> Initializer:
        # Repeats the draw of gamma: narrow windows have high frequencies.
        uniform = initializer_for(super()._kernel_start(), "kernel")
        gamma = initializer_for(self._gamma_start(), "gamma")

        def start(shape: Shape, dtype: Any = None) -> Tensor:
            return uniform(shape, dtype) * ops.sqrt(gamma(shape[-1:], dtype))

        return start


@serializable
class GammaDistribution(keras.initializers.Initializer):
    """Draws from the Gamma distribution of a shape `alpha` and a rate `beta`."""

    def __init__(self, alpha: float, beta: float, seed: int) -> None:
        self.alpha, self.beta, self.seed = alpha, beta, seed

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        return keras.random.gamma(shape, self.alpha, dtype=dtype, seed=self.seed) / self.beta

    def get_config(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "beta": self.beta, "seed": self.seed}


def squared_distance(x: Tensor, centres: Tensor) -> Tensor:
    """The squared distances of `(..., width)` to `(width, units)`, without cancellation."""
    if centres.shape[0] > UNROLLED:
        return ops.sum(ops.square(ops.expand_dims(x, -1) - centres), axis=-2)
    total = ops.square(x[..., :1] - centres[0])
    for i in range(1, centres.shape[0]):
        total = total + ops.square(x[..., i : i + 1] - centres[i])
    return total
