"""The gate without weights."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, BaseArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.modulation._channel_axis import channel_axis
from keras_hadamard.ops.glu import glu


@serializable
class SimpleGate(KernelFreeLayer):
    """Product of the two halves of the channels (SimpleGate).

    `y = a * activation(b) with [a, b] = x`, halves along `axis`, without weights: the layer before
    it projects both. NAFNet has no activation; with `"sigmoid"` it is the `glu` of PyTorch and
    Keras.

    Args:
        activation: Name or function of the second half. Defaults to `None`.
        axis: Integer, the axis of the channels: `-1`, or `1` for images with channels first.
            Defaults to `-1`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., 2 * channels)`, or with `2 * channels` at `axis`.

    Output shape:
        `(batch, ..., channels)`, or with `channels` at `axis`.

    Weights:
        `0`.

    Masking:
        The mask is passed on if the last axis is halved.

    Numerics:
        Activation and product are float32 under 16-bit policies. The gradient keeps only the two
        halves.

    Raises:
        ValueError: If `axis` is that of the batch or none of the input's, or what it holds is
            unknown or odd.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 6))
    >>> keras_hadamard.layers.SimpleGate()(x).shape
    TensorShape([2, 8, 8, 3])

    Reference:
        - [Simple Baselines for Image Restoration (Chen et al., 2022)](
          https://arxiv.org/abs/2204.04676)
    """

    def __init__(
        self, activation: Activation = None, axis: int = -1, **kwargs: Unpack[BaseArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.activation = get_activation(activation)
        self.axis = int(axis)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        value, gate = ops.split(inputs, 2, axis=self.axis)
        return glu(value, gate, activation=self.activation)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return mask if self.axis % len(inputs.shape) == len(inputs.shape) - 1 else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axis = channel_axis(input_shape, self.axis)
        size = input_shape[axis] or 0
        if size % 2:
            raise received("an even number of channels", shape=input_shape, axis=self.axis)
        return (*input_shape[:axis], size // 2, *input_shape[axis + 1 :])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "axis": self.axis,
        }
