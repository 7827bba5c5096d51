"""The Hyena operator."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._masks import apply_mask
from keras_hadamard.layers.pairwise._implicit_mixer import (
    ImplicitMixer,
    add_implicit_filter,
    add_short_convolution,
    short_convolution,
)
from keras_hadamard.ops import causal_long_conv

# The longest sequence if neither the argument nor the input defines it.
LONGEST = 1024


@serializable
class HyenaOperator(ImplicitMixer):
    """Hyena: causal mixing by alternating long convolutions and gates, at a cost of `n log n`.

    It replaces attention in a network: a layer normalisation before it, its input added after it,
    then a feed-forward network. `max_length` should be near the length of the sequences: positions
    are relative to it, and filters of short sequences are almost constant. Sines inside the filters
    amplify training steps: use a decaying learning rate.

    `y = W_o z_N with z_i = x_i * (h_i z_(i-1) + d_i * z_(i-1))` and `[x_N ... x_1, z_0]` the
    projections of the input after a short depthwise convolution, `h_i` a causal convolution as long
    as the sequence, `d_i` a weight of each channel. A filter is a small network with sines of the
    position, times an exponentially decaying window, so the number of weights does not grow with
    the length.

    In the paper every gate has a filter before it (`filter_first=True`); in the authors' code the
    first one, at the value, has none: `z_1 = x_1 * z_0`. The authors' code also trains the features
    of the position, with a separate learning rate; here they are fixed, as the window is.

    Step-by-step generation is not recurrent: each output needs all inputs again, so there are no
    states and no `step`.

    Args:
        max_length: Integer, the longest sequence; positions are relative to it. Shorter ones use
            the beginnings of the filters. Defaults to `None`, the length that the layer is built
            with, or 1,024 where that is unknown.
        order: Integer above 1, the number of gates. Defaults to `2`.
        short_taps: Integer, the taps of the short convolution. Defaults to `3`.
        filter_width: Integer, the width of the filters' network. Defaults to `64`.
        filter_depth: Integer, the number of its hidden layers after the first. Defaults to `2`.
        bands: Integer, the sines, and cosines, of the position that the network sees. Defaults to
            `2`.
        frequency: Number, the initial value of the learned frequencies of the network's sines.
            Defaults to `10.0`.
        window_shift: Number, the limit of the decaying window. Defaults to `0.0`.
        filter_first: Boolean, whether the value is also convolved before the first gate, as in the
            paper. Defaults to `False`.
        filter_initializer: Initialiser of the kernels of the filters' network. Defaults to `None`,
            a normal distribution of deviation 0.02, as in the published language models.
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
        `(order + 1) * features * (features + 2 + short_taps) + features * (features + 1) + (order -
        1 + filter_first) * features * (filter_width + 1) + (2 * bands + 3 + filter_depth *
        (filter_width + 1)) * filter_width`.

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
    >>> keras_hadamard.layers.HyenaOperator(max_length=16)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Hyena Hierarchy: Towards Larger Convolutional Language Models (Poli et al., 2023)](
          https://arxiv.org/abs/2302.10866)
    """

    def __init__(
        self,
        max_length: int | None = None,
        order: int = 2,
        short_taps: int = 3,
        filter_width: int = 64,
        filter_depth: int = 2,
        bands: int = 2,
        frequency: float = 10.0,
        window_shift: float = 0.0,
        filter_first: bool = False,
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
        self.order = positive_int("order", order)
        if order < 2:
            raise received("`order` to be above 1", order=order)
        self.filter_first = bool(filter_first)

    def build(self, input_shape: Shape) -> None:
        *_, length, features = self.compute_output_shape(input_shape)
        features = features or 0
        self.longest = longest = self.max_length or length or LONGEST
        branches = self.order + 1
        self.projection = self.project(
            features, "projection", blocks=branches, input_shape=input_shape
        )
        self.short_kernel, self.short_bias = add_short_convolution(self, branches * features)
        self.output_projection = self.project(
            features, "output_projection", input_shape=input_shape
        )
        filtered = (self.order - 1 + self.filter_first) * features
        self.filters, self.skip = add_implicit_filter(self, longest, filtered, 1, "filters")

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        self.compute_output_shape(inputs.shape)
        x = apply_mask(self.projection(apply_mask(inputs, mask)), mask)
        x = short_convolution(x, self.short_kernel, self.short_bias)
        *gates, z = ops.split(ops.cast(x, self.wide_dtype), self.order + 1, axis=-1)
        # Filters of one channel are adjacent, as in the authors' code.
        sides = (-1, inputs.shape[-1], self.order - 1 + self.filter_first)
        taps = ops.reshape(self.filters.taps(ops.shape(inputs)[1])[0], sides)
        skips = ops.reshape(self.skip, sides)
        for number, gate in enumerate(reversed(gates)):
            which = number - 1 + self.filter_first
            if which >= 0:
                z = apply_mask(z, mask)
                z = causal_long_conv(z, taps[..., which]) + skips[..., which] * z
            z = gate * z
        return self.output_projection(ops.cast(z, self.compute_dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "order": self.order,
            "filter_first": self.filter_first,
        }
