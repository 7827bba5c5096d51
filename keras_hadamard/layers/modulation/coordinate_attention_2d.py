"""Attention over rows and columns."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.modulation._image_gate import ImageGate, apply_gate, image_mean


@serializable
class CoordinateAttention2D(ImageGate):
    """Coordinate attention: gates of the rows and of the columns, for each channel.

    `y = x * sigmoid(H r) * sigmoid(W c) with [r; c] = act(N(S [rows; columns]))`, where `rows`, of
    shape `(batch, height, channels)`, are the means over the width, and `columns` those over the
    height: `S` projects both to `(batch, height + width, hidden_units)`, and `N` normalises them
    together over the batch. So a gate knows where along both axes something is, which
    `SqueezeExcite2D` forgets.

    Args:
        ratio: Number, the width between the projections as a share of the channels, rounded down;
            at least 8. Defaults to `0.03125`, one of 32.
        hidden_units: Integer, the width between the projections. Defaults to `None`, by `ratio`.
        activation: Name or function of the activation after the first projection. Defaults to
            `"hard_swish"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer` and so on), and of
            the base layer.

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to normalise by the batch.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        The shape of the input.

    Weights:
        `3 * (channels + 1) * hidden_units + 2 * channels`, where `hidden_units` =
        `max(8, channels * ratio // 1)`.

    Masking:
        Images have no masks.

    Numerics:
        Means, statistics, gates and products are computed in float32 under 16-bit policies. The
        normalisation has PyTorch's epsilon, momentum and unbiased running variance.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 6, 32))
    >>> keras_hadamard.layers.CoordinateAttention2D()(x).shape
    TensorShape([2, 8, 6, 32])

    Reference:
        - [Coordinate Attention for Efficient Mobile Network Design (Hou et al., 2021)](
          https://arxiv.org/abs/2103.02907)
    """

    def __init__(
        self,
        ratio: float = 1 / 32,
        hidden_units: int | None = None,
        activation: Activation = "hard_swish",
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.ratio = non_negative("ratio", ratio)
        if hidden_units is not None:
            hidden_units = positive_int("hidden_units", hidden_units)
        self.hidden_units = hidden_units
        self.activation = get_activation(activation)

    def build(self, input_shape: Shape) -> None:
        channels = check_image_shape(input_shape, self.data_format)[-1] or 0
        hidden_units = self.hidden_units or max(8, int(channels * self.ratio))
        strips, hidden = (None, None, channels), (None, None, hidden_units)
        self.squeeze = self.project(hidden_units, "squeeze", input_shape=strips)
        self.normalization = normalization(
            "batch", "normalization", policy=self.dtype_policy, input_shape=hidden
        )
        self.row_projection = self.project(channels, "row_projection", input_shape=hidden)
        self.column_projection = self.project(channels, "column_projection", input_shape=hidden)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        x = to_last(inputs, self.data_format)
        height = ops.shape(x)[1]
        strips = ops.concatenate([image_mean(x, 2), image_mean(x, 1)], axis=1)
        hidden = self.normalization(self.squeeze(strips), training=training)
        hidden = self.activation(hidden)
        rows = self.row_projection(hidden[:, :height])
        columns = self.column_projection(hidden[:, height:])
        y = apply_gate(apply_gate(x, rows[:, :, None]), columns[:, None])
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "hidden_units": self.hidden_units,
            "activation": serialize_activation(self.activation),
        }
