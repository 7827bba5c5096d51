"""Sinusoidal filters of the input: the branches of multiplicative filter networks."""

from collections.abc import Sequence
from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers.high_order._sinusoids import (
    SinusoidalFilter,
    add_parameter,
    add_phase,
    known_seed,
    sinusoid,
    uniform_frequencies,
    whole_frequencies,
)
from keras_hadamard.layers.high_order._widths import check_width


@serializable
class FourierFilter(SinusoidalFilter):
    """Sinusoidal filter of coordinates, the branch of a Fourier filter network.

    It is for two or three coordinates within -1 and 1, on a grid as dense as that of an image: with
    the default `input_scale`, neighbours that are a hundredth apart have different signs. For
    scattered points, or wider inputs, choose an `input_scale` of about 3.

    `g(x) = sin(x W + phi)`, with `W` of shape `(width, units)` and `phi` of shape `(units,)`. A
    multiplicative filter network multiplies it by the projection of the previous layer:
    `z_(i+1) = (z_i W_i + b_i) * g_(i+1)(x)`.

    Args:
        units: Integer, the width of the output.
        input_scale: Float, the largest frequency times `sqrt(width)`: the kernel starts uniform
            within `input_scale / sqrt(width)`. The authors divide their 256 by the square root of
            the number of filters in the network. Defaults to `256.0`.
        seed: Integer, the seed of the published initialisation. Defaults to `None`.
        bands: Sequence of integers, one for each coordinate, for a kernel that is not trained: two
            pi times whole numbers, which start uniform within `-band` and `band`, as in BACON. On
            coordinates within -0.5 and 0.5 a filter then has whole periods, at most `band` of them,
            and a product of filters has at most the sum of their bands. Defaults to `None`, a
            trained kernel by `input_scale`.
        **kwargs: Arguments of the projection (`use_bias` for the phase, `kernel_initializer`, and
            `bias_initializer`, by default the published ones, their regularizers and constraints,
            as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, coordinates within -1 and 1, which the initialisation assumes.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `(width + 1) * units`.

    Masking:
        The mask is passed on.

    Numerics:
        The phase is computed in float32 under 16-bit policies, from the unrounded inputs: in
        float16 the phase of a coordinate would be wrong by about `input_scale / 2000`. GPUs that
        multiply float32 matrices in TensorFloat-32 round the phase too, unless
        `tf.config.experimental.enable_tensor_float_32_execution(False)` is set. The phases start
        uniform within -pi and pi.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> coordinates = keras.ops.ones((4, 2))
    >>> keras_hadamard.layers.FourierFilter(3, input_scale=30.0)(coordinates).shape
    TensorShape([4, 3])

    Reference:
        - [Multiplicative Filter Networks (Fathony et al., 2021)](
          https://openreview.net/forum?id=OmtmcPkkhT)
        - [BACON: Band-limited Coordinate Networks for Multiscale Scene Representation (Lindell et
          al., 2022)](https://arxiv.org/abs/2112.04645)
    """

    def __init__(
        self,
        units: int,
        input_scale: float = 256.0,
        seed: int | None = None,
        bands: Sequence[int] | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, input_scale, seed, **kwargs)
        self.bands = None if bands is None else _whole(bands)

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        seed = known_seed(self.seed)
        start = uniform_frequencies(self.input_scale, seed)
        if self.bands is not None:
            if len(self.bands) != input_shape[-1]:
                raise received(
                    "one of `bands` for each coordinate", bands=self.bands, shape=input_shape
                )
            start = whole_frequencies(self.bands, seed)
        self.kernel = add_parameter(
            self,
            "kernel",
            (input_shape[-1], self.units),
            self.kernel_initializer or start,
            self.kernel_regularizer,
            self.kernel_constraint,
            trainable=self.bands is None,
        )
        self.bias = add_phase(self, seed)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, accumulation_dtype(self.compute_dtype))
        return ops.cast(sinusoid(x, self.kernel, self.bias), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bands": self.bands}


def _whole(bands: Any) -> list[int]:
    fits = isinstance(bands, list | tuple) and all(
        isinstance(b, int) and not isinstance(b, bool) and b >= 0 for b in bands
    )
    if not fits:
        raise received("`bands` to be integers that are not negative", bands=bands)
    return list(bands)
