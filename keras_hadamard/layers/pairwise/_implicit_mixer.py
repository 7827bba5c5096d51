"""What the mixers by implicit long convolutions share."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_hadamard._checks import non_negative, positive_int, received
from keras_hadamard._typing import Initializer, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers._initializers import initializer_for
from keras_hadamard.layers._masks import counted
from keras_hadamard.layers.pairwise._implicit_filter import ImplicitFilter
from keras_hadamard.ops import causal_long_conv
from keras_hadamard.ops._precision import at_least_float32


class ImplicitMixer(BaseLayer):
    """Base of mixers of (batch, length, features): branches by a projection and a short
    convolution, which long convolutions with implicit filters and products join.
    """

    # The longest sequence where neither the argument nor the input says it.
    longest: ClassVar[int]

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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_length = None if max_length is None else positive_int("max_length", max_length)
        self._positions = self.max_length
        self.short_taps = positive_int("short_taps", short_taps)
        self.filter_width = positive_int("filter_width", filter_width)
        self.filter_depth = positive_int("filter_depth", filter_depth)
        self.bands = positive_int("bands", bands)
        self.frequency = non_negative("frequency", frequency)
        self.window_shift = non_negative("window_shift", window_shift)
        # The published networks start all their dense layers so, those of the filters too. Sines of
        # larger kernels turn many times from one step to the next: such filters are noise.
        self.filter_initializer = keras.initializers.get(
            keras.initializers.RandomNormal(stddev=0.02)
            if filter_initializer is None
            else filter_initializer
        )
        self.supports_masking = True

    @property
    def wide_dtype(self) -> str:
        return at_least_float32(self.compute_dtype)

    def build_branches(self, input_shape: Shape, count: int) -> None:
        features = self._checked(input_shape)
        self._positions = self.max_length or input_shape[1] or self.longest
        self.projection = self.project(
            features, "projection", blocks=count, input_shape=input_shape
        )
        self.short_kernel = self.add_weight(
            name="short_kernel",
            shape=(self.short_taps, count * features),
            initializer=FanInUniform(self.short_taps),
        )
        self.short_bias = None
        if self.use_bias:
            self.short_bias = self.add_weight(
                name="short_bias", shape=(count * features,), initializer=self.bias_initializer
            )
        self.output_projection = self.project(
            features, "output_projection", input_shape=input_shape
        )

    def long_filter(self, channels: int, networks: int, name: str) -> tuple[Any, Any]:
        """The networks of filters, and the weight of what goes past the convolution."""
        made: ImplicitFilter = self.sublayer(
            ImplicitFilter,
            channels,
            networks,
            max_length=self._positions,
            width=self.filter_width,
            depth=self.filter_depth,
            bands=self.bands,
            frequency=self.frequency,
            shift=self.window_shift,
            name=name,
            kernel_initializer=initializer_for(self.filter_initializer, name),
            dtype=self.wide_dtype,
        )
        made.build()
        skip = self.add_weight(
            name=f"{name}_skip",
            shape=(channels,),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            autocast=False,
        )
        return made, skip

    def branches(self, x: Tensor, mask: Tensor | None, count: int) -> list[Tensor]:
        """The projections after their short causal convolution, in float32 at least."""
        x = counted(self.projection(counted(x, mask)), mask)
        x = causal_long_conv(x, ops.cast(self.short_kernel, x.dtype), method="direct")
        if self.short_bias is not None:
            x = x + self.short_bias
        found: list[Tensor] = ops.split(ops.cast(x, self.wide_dtype), count, axis=-1)
        return found

    def _checked(self, input_shape: Shape) -> int:
        """The width of an input that fits."""
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise received("an input (batch, length, features) of known width", shape=input_shape)
        length, limit = input_shape[1], self._positions
        if length is not None and limit is not None and length > limit:
            raise received(f"at most max_length={limit} positions", shape=input_shape)
        return int(input_shape[-1])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._checked(input_shape)
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
