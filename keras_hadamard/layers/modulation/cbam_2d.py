"""Attention over channels, then over positions."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.modulation._image_gate import (
    ImageGate,
    apply_gate,
    image_mean,
    round_channels,
)


@serializable
class CBAM2D(ImageGate):
    """Convolutional block attention module (CBAM): gates of channels, then gates of positions.

    `y = z * sigmoid(conv([mean(z); max(z)])) with z = x * sigmoid(MLP(mean(x)) + MLP(max(x)))`,
    where `MLP(s) = W_2 act(W_1 s + b_1) + b_2`; mean and maximum are over the positions for `z`, of
    shape `(batch, channels)`, and over the channels for `y`, of shape `(batch, height, width, 2)`.

    Args:
        ratio: Number, the width between the MLP's projections as a share of the channels, rounded
            to the nearest integer. Defaults to `0.0625`, a sixteenth.
        hidden_units: Integer, the width between the projections. Defaults to `None`, by `ratio`.
        kernel_size: Integer, the side of the convolution's windows, which has no bias. Defaults to
            `7`.
        activation: Name or function of the activation after the first projection. Defaults to
            `"relu"`.
        use_batch_normalization: Boolean, whether the convolution is normalised over the batch, as
            in the authors' code; the paper does not mention it. Defaults to `False`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer` and so on), and of
            the base layer. `use_bias` applies to the MLP.

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to normalise by the batch, if there is a normalisation.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        The shape of the input.

    Weights:
        `channels * (2 * hidden_units + 1) + hidden_units + 2 * kernel_size**2
        + 2 * use_batch_normalization`, where `hidden_units` =
        `max(1, (channels * ratio + 0.5) // 1)`.

    Masking:
        Images have no masks.

    Numerics:
        Means, gates and products are computed in float32 under 16-bit policies. The authors' code
        has the maximum before the mean, and keeps 0.99 of the running statistics, like this layer.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 32))
    >>> keras_hadamard.layers.CBAM2D()(x).shape
    TensorShape([2, 8, 8, 32])

    Reference:
        - [CBAM: Convolutional Block Attention Module (Woo et al., 2018)](
          https://arxiv.org/abs/1807.06521)
    """

    def __init__(
        self,
        ratio: float = 1 / 16,
        hidden_units: int | None = None,
        kernel_size: int = 7,
        activation: Activation = "relu",
        use_batch_normalization: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.ratio = non_negative("ratio", ratio)
        if hidden_units is not None:
            hidden_units = positive_int("hidden_units", hidden_units)
        self.hidden_units = hidden_units
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.activation = get_activation(activation)
        self.use_batch_normalization = bool(use_batch_normalization)

    def build(self, input_shape: Shape) -> None:
        *image, channels = check_image_shape(input_shape, self.data_format)
        channels = channels or 0
        hidden_units = self.hidden_units or round_channels(channels, self.ratio, 1)
        self.squeeze = self.project(
            hidden_units, "squeeze", activation=self.activation, input_shape=(None, channels)
        )
        self.excite = self.project(channels, "excite", input_shape=(None, hidden_units))
        self.convolution = convolve(
            self, 1, self.kernel_size, "convolution", use_bias=False, input_shape=(*image, 2)
        )
        self.normalization = normalization(
            "batch" if self.use_batch_normalization else None,
            "normalization",
            policy=self.dtype_policy,
            input_shape=(*image, 1),
            **({"momentum": 0.99} if self.use_batch_normalization else {}),
        )

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        x = to_last(inputs, self.data_format)
        pooled = ops.stack([image_mean(x, (1, 2)), ops.max(x, axis=(1, 2))], axis=1)
        x = apply_gate(x, ops.sum(self.excite(self.squeeze(pooled)), axis=1))
        pooled = [image_mean(x, -1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
        positions = self.convolution(ops.concatenate(pooled, axis=-1))
        y = apply_gate(x, self.normalization(positions, training=training))
        return to_last(y, self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "hidden_units": self.hidden_units,
            "kernel_size": self.kernel_size,
            "activation": serialize_activation(self.activation),
            "use_batch_normalization": self.use_batch_normalization,
        }
