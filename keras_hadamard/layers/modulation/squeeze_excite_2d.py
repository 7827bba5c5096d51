"""Squeeze and excitation: attention over the channels of an image."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative, one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers.modulation._image_gate import (
    ImageGate,
    apply_gate,
    image_mean,
    round_channels,
)

# The gate in the paper of each mode.
GATES = {"plain": "sigmoid", "effective": "hard_sigmoid", "concurrent": "sigmoid"}
MERGES = {"add": ops.add, "max": ops.maximum}


@serializable
class SqueezeExcite2D(ImageGate):
    """Squeeze and excitation (SE): gates of channels from their means over the image.

    `y = x * gate(W_2 act(W_1 s + b_1) + b_2)` with `s`, of shape `(batch, channels)`, the mean of
    every channel. The mode `"effective"` has one projection, `x * gate(W s + b)`, without a
    bottleneck; `"concurrent"` (scSE) adds the product of `x` and a gate of every position,
    `x * gate(w . x + c)`.

    Args:
        mode: `"plain"`, `"effective"` or `"concurrent"`. Defaults to `"plain"`.
        ratio: Number, the width between the projections as a share of the channels, rounded to a
            multiple of 8, as in timm. Defaults to `0.0625`, a sixteenth.
        hidden_units: Integer, the width between the projections. Defaults to `None`, by `ratio`.
        activation: Name or function of what follows the first projection. Defaults to `"relu"`.
        gate_activation: Name or function of the gates. Defaults to `None`: `"sigmoid"`, and
            `"hard_sigmoid"`, `relu6(x + 3) / 6`, for `"effective"`.
        use_max: Boolean, whether `s` is the mean of a channel's mean and maximum. Defaults to
            `False`.
        merge: How the mode `"concurrent"` joins its two products: `"add"`, as in the paper of scSE,
            or `"max"`, as in its authors' code. Defaults to `"add"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer` and so on), and of
            the base layer.

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        The shape of the input.

    Weights:
        `channels * (2 * hidden_units + 1) + hidden_units`, where `hidden_units` =
        `max(8, (channels * ratio + 4) // 8 * 8)`. The mode `"concurrent"` has `channels + 1` more,
        `"effective"` has `channels * (channels + 1)`.

    Masking:
        Images have no masks.

    Numerics:
        Means, gates and products are computed in float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 32))
    >>> keras_hadamard.layers.SqueezeExcite2D()(x).shape
    TensorShape([2, 8, 8, 32])

    Reference:
        - [Squeeze-and-Excitation Networks (Hu et al., 2018)](https://arxiv.org/abs/1709.01507)
        - [CenterMask: Real-Time Anchor-Free Instance Segmentation (Lee and Park, 2020)](
          https://arxiv.org/abs/1911.06667), the mode `"effective"`
        - [Concurrent Spatial and Channel Squeeze & Excitation in Fully Convolutional Networks
          (Roy et al., 2018)](https://arxiv.org/abs/1803.02579), the mode `"concurrent"`
    """

    def __init__(
        self,
        mode: str = "plain",
        ratio: float = 1 / 16,
        hidden_units: int | None = None,
        activation: Activation = "relu",
        gate_activation: Activation = None,
        use_max: bool = False,
        merge: str = "add",
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.mode = one_of("mode", mode, GATES)
        self.ratio = non_negative("ratio", ratio)
        if hidden_units is not None:
            hidden_units = positive_int("hidden_units", hidden_units)
        self.hidden_units = hidden_units
        self.activation = get_activation(activation)
        self.gate_activation = get_activation(gate_activation or GATES[mode])
        self.use_max = bool(use_max)
        self.merge = one_of("merge", merge, MERGES)

    def build(self, input_shape: Shape) -> None:
        image = check_image_shape(input_shape, self.data_format)
        width = channels = image[-1] or 0
        if self.mode != "effective":
            width = self.hidden_units or round_channels(channels, self.ratio, 8)
            self.squeeze = self.project(
                width, "squeeze", activation=self.activation, input_shape=(None, channels)
            )
        self.excite = self.project(channels, "excite", input_shape=(None, width))
        if self.mode == "concurrent":
            self.spatial = self.project(1, "spatial", input_shape=image)

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        x = to_last(inputs, self.data_format)
        s = image_mean(x, (1, 2))
        if self.use_max:
            # Keras refuses an empty batch without an initial value.
            s = (s + ops.max(x, axis=(1, 2), initial=-float("inf"))) / 2
        if self.mode != "effective":
            s = self.squeeze(s)
        y = apply_gate(x, self.excite(s), self.gate_activation)
        if self.mode == "concurrent":
            positions = apply_gate(x, self.spatial(x), self.gate_activation)
            y = MERGES[self.merge](y, positions)
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mode": self.mode,
            "ratio": self.ratio,
            "hidden_units": self.hidden_units,
            "activation": serialize_activation(self.activation),
            "gate_activation": serialize_activation(self.gate_activation),
            "use_max": self.use_max,
            "merge": self.merge,
        }
