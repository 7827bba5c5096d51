"""The scale of a residual branch."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.modulation._channel_axis import channel_axis


@serializable
class LayerScale(KernelFreeLayer):
    """Learned scale of each channel, small at first (LayerScale).

    `y = gamma * x` at the end of a residual branch, so that a deep network starts near the
    identity.

    Args:
        initial: Float, the initial `gamma`. Defaults to `1e-05`, the paper's value for 24 blocks;
            it uses 0.1 for up to 18 and 1e-6 for more.
        axis: Integer, the axis of the channels: `-1`, or `1` for images with channels first.
            Defaults to `-1`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., channels)`, or with the channels at `axis`.

    Output shape:
        The shape of the input.

    Weights:
        `channels`, one `gamma` each.

    Masking:
        The mask is passed on.

    Numerics:
        The product is computed in float32 under 16-bit policies: float16 has only a few digits for
        numbers as small as `gamma`.

    Raises:
        ValueError: If `axis` is that of the batch or not one of the input's, or its size is
            unknown.

    Example:

    >>> y = keras_hadamard.layers.LayerScale(0.5)(keras.ops.ones((2, 3)))
    >>> float(y[0, 0])
    0.5

    Reference:
        - [Going deeper with Image Transformers (Touvron et al., 2021)](
          https://arxiv.org/abs/2103.17239)
    """

    def __init__(
        self, initial: float = 1e-5, axis: int = -1, **kwargs: Unpack[BaseArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.initial = float(initial)
        self.axis = int(axis)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        axis = channel_axis(input_shape, self.axis)
        self.gamma = self.add_weight(
            name="gamma",
            shape=(input_shape[axis],),
            initializer=keras.initializers.Constant(self.initial),
            autocast=False,
        )

    def call(self, inputs: Tensor) -> Tensor:
        dtype = accumulation_dtype(inputs.dtype)
        after = len(inputs.shape) - 1 - channel_axis(tuple(inputs.shape), self.axis)
        gamma = ops.reshape(ops.cast(self.gamma, dtype), (-1, *[1] * after))
        return ops.cast(ops.cast(inputs, dtype) * gamma, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channel_axis(input_shape, self.axis)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial": self.initial, "axis": self.axis}
