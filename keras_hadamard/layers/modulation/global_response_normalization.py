"""Global response normalisation."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._channels import image_format, to_last, to_last_shape
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers._masks import apply_mask


@serializable
class GlobalResponseNormalization(KernelFreeLayer):
    """Global response normalisation (GRN): each channel scaled by its relative norm.

    `y = gamma * (x * G / (mean(G) + epsilon)) + beta + x`, where `G` is the norm of each channel
    over all positions and the mean that over the channels. `gamma` and `beta` start at zero, so the
    layer starts as the identity.

    Args:
        epsilon: Float, added to the mean. Defaults to `1e-06`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor `(batch, steps)`. Defaults to `None`.

    Input shape:
        `(batch, ..., channels)` with any number of positions, such as an image, or channels first.

    Output shape:
        The shape of the input.

    Weights:
        `2 * channels`.

    Masking:
        Masked steps of a sequence are left out of the norm. Their own output is that of zeros. The
        mask is passed on.

    Numerics:
        Everything is computed in float32 under 16-bit policies. The gradient of the norm of a
        channel that is zero everywhere is zero, as in PyTorch.

    Raises:
        ValueError: If an argument is out of range, or the input has no positions or unknown
            channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> keras_hadamard.layers.GlobalResponseNormalization()(x).shape
    TensorShape([2, 8, 8, 3])

    Reference:
        - [ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders (Woo et al.,
          2023)](https://arxiv.org/abs/2301.00808)
    """

    def __init__(
        self, epsilon: float = 1e-6, data_format: str | None = None, **kwargs: Unpack[BaseArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = non_negative("epsilon", epsilon)
        self.data_format = image_format(data_format)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        channels = to_last_shape(input_shape, self.data_format)[-1]
        self.gamma, self.beta = (
            self.add_weight(name=name, shape=(channels,), initializer="zeros", autocast=False)
            for name in ("gamma", "beta")
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        dtype = accumulation_dtype(inputs.dtype)
        x = apply_mask(ops.cast(to_last(inputs, self.data_format), dtype), mask)
        total = ops.sum(x * x, axis=tuple(range(1, len(x.shape) - 1)), keepdims=True)
        # The root has no finite slope at zero.
        some = total > 0
        norm = ops.where(some, ops.sqrt(ops.where(some, total, 1)), 0)
        share = norm / (ops.mean(norm, axis=-1, keepdims=True) + self.epsilon)
        y = x * (ops.cast(self.gamma, dtype) * share + 1) + ops.cast(self.beta, dtype)
        return ops.cast(to_last(y, self.data_format, back=True), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 3 or to_last_shape(input_shape, self.data_format)[-1] is None:
            raise received("an input (batch, ..., channels) with positions", shape=input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }
