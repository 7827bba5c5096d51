"""The inner products of all pairs of fields."""

from typing import Any, Unpack

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.high_order._fields import field_shape, stacked
from keras_hadamard.ops._pairs import pair_dots


@serializable
class InnerProductInteraction(KernelFreeLayer):
    """Inner products of all pairs of fields (the product layer of inner PNN).

    `y_(ij) = sum_w x_(i,w) * x_(j,w)` for the fields `i < j` in the order of rows: (0, 1), (0, 2),
    ..., (1, 2), ... . `DotInteraction` has the same numbers in another order.

    Args:
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of tensors, one per field.

    Input shape:
        `(batch, fields, width)`, or a list of `(batch, width)`.

    Output shape:
        `(batch, fields * (fields - 1) / 2)`.

    Weights:
        `0`.

    Masking:
        A masked field counts as zero. No mask is passed on.

    Numerics:
        Sums are float32 under 16-bit policies.

    Raises:
        ValueError: If there are fewer than two fields or their shapes are unknown or differ.

    Example:

    >>> x = keras.ops.ones((4, 3, 8))
    >>> keras_hadamard.layers.InnerProductInteraction()(x).shape
    TensorShape([4, 3])

    Reference:
        - [Product-based Neural Networks for User Response Prediction (Qu et al., 2016)](
          https://arxiv.org/abs/1611.00144)
    """

    def __init__(self, **kwargs: Unpack[BaseArguments]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        field_shape(type(self).__name__, input_shape)

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        return pair_dots(stacked(inputs, mask))

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, fields, _ = field_shape(type(self).__name__, input_shape)
        return (batch, fields * (fields - 1) // 2)
