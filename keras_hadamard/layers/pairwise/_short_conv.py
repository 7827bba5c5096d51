"""A causal depthwise convolution of a few steps, whose state is the latest inputs."""

from typing import Any

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers.pairwise._packed_steps import PackedSteps, take_steps


def conv_window(window: int | None) -> int | None:
    """The checked number of steps that a short convolution sees."""
    if window is not None and positive_int("window", window) < 2:
        raise received("`window` to be at least two, or None for no convolution", window=window)
    return window


@serializable
class ShortConv(BaseLayer):
    """`y_t = sum_j w_j * x_(t-window+1+j) + b` over the last `window` valid steps.

    Masked steps are left out. The kernel starts uniform within the root of its taps, whatever the
    layer's initializer is: its fan-in is the window.
    """

    def __init__(self, window: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        seed = self.kernel_initializer.get_config().get("seed")
        self.taps = self.add_weight(
            name="taps",
            shape=(self.window, channels),
            initializer=FanInUniform(self.window, seed=seed if isinstance(seed, int) else None),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(channels,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def run(self, x: Tensor, latest: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The convolution in the dtype of `latest`, and the latest inputs after the last step."""
        dtype, length = accumulation_dtype(latest.dtype), ops.shape(x)[1]
        x = ops.cast(x, dtype)
        packed = None if mask is None else PackedSteps(mask, length)
        steps = ops.concatenate([latest, x if packed is None else packed.pack(x)], axis=1)
        taps = ops.unstack(ops.cast(self.taps, dtype), self.window, axis=0)
        y: Any = 0.0
        for start, tap in enumerate(taps):
            y = y + tap * steps[:, start : start + length]
        if self.bias is not None:
            y = y + ops.cast(self.bias, dtype)
        if packed is None:
            return y, steps[:, length:]
        kept = packed.count + ops.arange(self.window - 1, dtype="int32")
        return packed.unpack(y), take_steps(steps, kept)

    def call(self, inputs: Tensor) -> Tensor:
        """A sequence from its beginning."""
        before = ops.zeros((ops.shape(inputs)[0], self.window - 1, inputs.shape[-1]), inputs.dtype)
        return self.run(inputs, before, None)[0]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "window": self.window}


def short_conv(layer: Any, channels: int, use_bias: bool) -> ShortConv | None:
    """A built convolution of a layer's `window`, or None if it has none."""
    if layer.window is None:
        return None
    conv: ShortConv = layer.sublayer(ShortConv, layer.window, name="conv", use_bias=use_bias)
    conv.build((None, None, channels))
    return conv


def conv_states(layer: Any, channels: int) -> list[tuple[int, ...]]:
    """The shapes of the states of a layer's convolution, if it has one."""
    return [] if layer.window is None else [(layer.window - 1, channels)]


def convolved(
    layer: Any, x: Tensor, latest: list[Tensor], mask: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """The input after a layer's convolution, if it has one, in the dtype of the states."""
    if layer.conv is None:
        return ops.cast(x, layer.state_dtype), []
    y, kept = layer.conv.run(x, latest[0], mask)
    return y, [kept]
