"""Base class of mixers by implicit long convolutions, their short convolution and their filters."""

from typing import Any, Unpack

import keras

from keras_hadamard._core.checks import non_negative, positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers._initializers import initializer_for
from keras_hadamard.layers.pairwise._implicit_filter import ImplicitFilter
from keras_hadamard.ops import causal_long_conv


class ImplicitMixer(BaseLayer):
    """Base of mixers of (batch, length, features): the filters' arguments, and the longest input.

    `longest` is `max_length` until the layer is built, which may set it from the input.
    """

    def __init__(
        self,
        max_length: int | None,
        short_taps: int,
        filter_width: int,
        filter_depth: int,
        bands: int,
        frequency: float,
        window_shift: float,
        filter_initializer: Initializer,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.max_length = None if max_length is None else positive_int("max_length", max_length)
        self.longest = self.max_length
        self.short_taps = positive_int("short_taps", short_taps)
        self.filter_width = positive_int("filter_width", filter_width)
        self.filter_depth = positive_int("filter_depth", filter_depth)
        self.bands = positive_int("bands", bands)
        self.frequency = non_negative("frequency", frequency)
        self.window_shift = non_negative("window_shift", window_shift)
        # The published networks initialise all their dense layers this way, including those of the
        # filters. With larger kernels, sines turn many times from one step to the next: such
        # filters are noise.
        self.filter_initializer = keras.initializers.get(
            keras.initializers.RandomNormal(stddev=0.02)
            if filter_initializer is None
            else filter_initializer
        )
        self.supports_masking = True

    @property
    def wide_dtype(self) -> str:
        """The dtype of filters, convolutions and products."""
        return accumulation_dtype(self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise received("an input (batch, length, features) of known width", shape=input_shape)
        length, limit = input_shape[1], self.longest
        if length is not None and limit is not None and length > limit:
            raise received(f"at most max_length={limit} positions", shape=input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_length": self.max_length,
            "short_taps": self.short_taps,
            "filter_width": self.filter_width,
            "filter_depth": self.filter_depth,
            "bands": self.bands,
            "frequency": self.frequency,
            "window_shift": self.window_shift,
            "filter_initializer": keras.initializers.serialize(self.filter_initializer),
        }


def add_short_convolution(layer: ImplicitMixer, channels: int) -> tuple[Any, Any]:
    """Adds the kernel and the bias (or None) of a short depthwise convolution."""
    kernel = layer.add_weight(
        name="short_kernel",
        shape=(layer.short_taps, channels),
        initializer=FanInUniform(layer.short_taps),
    )
    bias = None
    if layer.use_bias:
        bias = layer.add_weight(
            name="short_bias", shape=(channels,), initializer=layer.bias_initializer
        )
    return kernel, bias


def short_convolution(x: Tensor, kernel: Any, bias: Any) -> Tensor:
    """The causal convolution of each channel with its own few taps."""
    y = causal_long_conv(x, keras.ops.cast(kernel, x.dtype), method="direct")
    return y if bias is None else y + bias


def add_implicit_filter(
    layer: ImplicitMixer, longest: int, channels: int, networks: int, name: str
) -> tuple[ImplicitFilter, Any]:
    """Adds networks of filters, and the weight of the path around the convolution."""
    made: ImplicitFilter = layer.sublayer(
        ImplicitFilter,
        channels,
        networks,
        max_length=longest,
        width=layer.filter_width,
        depth=layer.filter_depth,
        bands=layer.bands,
        frequency=layer.frequency,
        shift=layer.window_shift,
        name=name,
        kernel_initializer=initializer_for(layer.filter_initializer, name),
        dtype=layer.wide_dtype,
    )
    made.build()
    skip = layer.add_weight(
        name=f"{name}_skip",
        shape=(channels,),
        initializer=keras.initializers.RandomNormal(stddev=1.0),
        autocast=False,
    )
    return made, skip
