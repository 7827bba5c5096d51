"""The sequence mixer of Monarch Mixer."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._masks import apply_mask
from keras_hadamard.layers.pairwise._implicit_filter import ImplicitFilter
from keras_hadamard.layers.pairwise._implicit_mixer import (
    ImplicitMixer,
    add_implicit_filter,
    add_short_convolution,
    short_convolution,
)
from keras_hadamard.ops._long_conv import long_conv

# The longest sequence where neither the argument nor the input says it.
LONGEST = 128


@serializable
class MonarchMixer(ImplicitMixer):
    """Monarch Mixer's sequence mixer (M2), the gated long convolution of M2-BERT.

    It needs normalised inputs with information about positions, such as embeddings with learned
    positions, and a feed-forward network after it. `max_length` should be near the length of the
    sequences: positions are relative to it, and filters of short sequences are almost constant.

    `y = W_o (x_2 * conv(h, x_1 * v) + conv(g, x))` with `[x_1, x_2, v]` the projections of the
    input after a short depthwise convolution, and `conv(h, u) = h u + d * u` a convolution as long
    as the sequence in both directions, its filters small networks with sines of the position.

    The paper writes a mixer as Monarch matrices around a product, `M_2 (k * (M_1 x))`; with those
    of the Fourier transform, that is a convolution, which the authors' code and this layer compute
    by FFT; learned Monarch matrices, which the code has only for the features, are not part of this
    layer. The authors' code also trains the features of the position, with a separate learning
    rate; here they are fixed.

    Args:
        max_length: Integer, the longest sequence, which positions are counted relative to. Shorter
            ones take the beginnings of the filters. Defaults to `None`, the length that the layer
            is built with, or 128 where that is unknown.
        causal: Boolean, whether the convolutions see only the past. Defaults to `False`.
        residual: Boolean, whether the input also goes through a second long convolution around the
            gates, as in the published models. Defaults to `True`.
        short_taps: Integer, the taps of the short convolution, which is causal. Defaults to `3`.
        filter_width: Integer, the width of the filters' network. Defaults to `128`.
        filter_depth: Integer, its number of hidden layers after the first. Defaults to `2`.
        bands: Integer, the sines, and cosines, of the position that the network sees. Defaults to
            `2`.
        frequency: Number, where the learned frequencies of the network's sines start. Defaults to
            `10.0`.
        window_shift: Number, what the window decays to. Defaults to `0.0`.
        filter_initializer: Initialiser of the kernels of the filters' networks. Defaults to
            `None`, a normal distribution of deviation 0.02, as in the published models.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown and is at most `max_length`.

    Output shape:
        The shape of the input.

    Weights:
        `features * (4 * features + 3 * short_taps + 7) + (1 + residual) * (features + filter_width
        + (2 - causal) * (features + 2 * bands + 2 + filter_depth * (filter_width + 1)) *
        filter_width)`.

    Masking:
        Masked positions have no effect in a convolution. Their own output is that of zeros. The
        mask is passed on.

    Numerics:
        Filters, convolutions and products are float32 under 16-bit policies. LiteRT and ONNX have
        no FFT: the exporters write convolutions of a known length directly.

    Raises:
        ValueError: If an argument is out of range, the width of the input is unknown or it is
            longer than `max_length`.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.MonarchMixer(max_length=16)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Monarch Mixer: A Simple Sub-Quadratic GEMM-Based Architecture (Fu et al., 2023)](
          https://arxiv.org/abs/2310.12109)
    """

    def __init__(
        self,
        max_length: int | None = None,
        causal: bool = False,
        residual: bool = True,
        short_taps: int = 3,
        filter_width: int = 128,
        filter_depth: int = 2,
        bands: int = 2,
        frequency: float = 10.0,
        window_shift: float = 0.0,
        filter_initializer: Initializer = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(
            max_length,
            short_taps,
            filter_width,
            filter_depth,
            bands,
            frequency,
            window_shift,
            filter_initializer,
            **kwargs,
        )
        self.causal = bool(causal)
        self.residual = bool(residual)

    def build(self, input_shape: Shape) -> None:
        *_, length, features = self.compute_output_shape(input_shape)
        features = features or 0
        self.longest = longest = self.max_length or length or LONGEST
        self.projection = self.project(features, "projection", blocks=3, input_shape=input_shape)
        self.short_kernel, self.short_bias = add_short_convolution(self, 3 * features)
        self.output_projection = self.project(
            features, "output_projection", input_shape=input_shape
        )
        # A filter for the past, and one for the future.
        networks = 1 if self.causal else 2
        names = ("filters", "residual_filters")[: 1 + self.residual]
        made = [add_implicit_filter(self, longest, features, networks, name) for name in names]
        self.filters, self.skips = (list(each) for each in zip(*made, strict=True))

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        self.compute_output_shape(inputs.shape)
        x = apply_mask(self.projection(apply_mask(inputs, mask)), mask)
        x = short_convolution(x, self.short_kernel, self.short_bias)
        before, after, value = ops.split(ops.cast(x, self.wide_dtype), 3, axis=-1)
        y = after * _long_convolution(
            apply_mask(before * value, mask), self.filters[0], self.skips[0]
        )
        if self.residual:
            x = apply_mask(ops.cast(inputs, self.wide_dtype), mask)
            y = y + _long_convolution(x, self.filters[1], self.skips[1])
        return self.output_projection(ops.cast(y, self.compute_dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "causal": self.causal, "residual": self.residual}


def _long_convolution(x: Tensor, filters: ImplicitFilter, skip: Tensor) -> Tensor:
    """The convolution with the filter for the past, plus that for the future, if any."""
    kernel, *others = filters.taps(ops.shape(x)[1])
    for future in others:
        # The first tap is for the nearest future step; the last one is never used.
        kernel = ops.concatenate([ops.flip(future[:-1], axis=0), kernel], axis=0)
    return long_conv(x, kernel, centred=bool(others), method="fft") + skip * x
