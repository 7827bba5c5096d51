"""The dot products of all pairs of features, as in DLRM."""

from typing import Any, Unpack

import numpy as np
from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.high_order._fields import field_shape, stacked
from keras_hadamard.ops._pairs import pair_dots


@serializable
class DotInteraction(KernelFreeLayer):
    """Dot products of all pairs of features (DLRM's interaction).

    `y_(ij) = sum_w x_(i,w) * x_(j,w)` for the entries `j < i` (with `self_interaction` `j <= i`) of
    the lower triangle, in the order of rows: (1, 0), (2, 0), (2, 1), ... . The arguments and
    outputs are those of TensorFlow Recommenders and Keras Recommenders.

    Args:
        self_interaction: Boolean, whether to add the features' squared norms, the diagonal.
            Defaults to `False`.
        skip_gather: Boolean, whether to return the whole matrix, flattened, with zeros outside of
            the triangle: a larger output, but one step less. Defaults to `False`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of tensors, one per feature, or one tensor.

    Input shape:
        A list of `(batch, width)`, or `(batch, features, width)`.

    Output shape:
        `(batch, features * (features - 1) / 2)`, with `self_interaction` `features` more; with
        `skip_gather` `(batch, features * features)`.

    Weights:
        `0`.

    Masking:
        A masked feature counts as zero. No mask is passed on.

    Numerics:
        Sums are float32 under 16-bit policies.

    Raises:
        ValueError: If there are fewer than two features or their shapes are unknown or differ.

    Example:

    >>> features = [keras.ops.ones((4, 8)) for _ in range(3)]
    >>> keras_hadamard.layers.DotInteraction(self_interaction=True)(features).shape
    TensorShape([4, 6])

    Reference:
        - [Deep Learning Recommendation Model (Naumov et al., 2019)](
          https://arxiv.org/abs/1906.00091)
    """

    def __init__(
        self,
        self_interaction: bool = False,
        skip_gather: bool = False,
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.self_interaction = bool(self_interaction)
        self.skip_gather = bool(skip_gather)

    def build(self, input_shape: Any) -> None:
        field_shape(type(self).__name__, input_shape)

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        x = stacked(inputs, mask)
        if not self.skip_gather:
            return pair_dots(x, lower=True, diagonal=self.self_interaction)
        wide = ops.cast(x, accumulation_dtype(self.compute_dtype))
        dots = ops.matmul(wide, ops.transpose(wide, (0, 2, 1)))
        fields = x.shape[1]
        kept = np.tril(np.ones((fields, fields), bool), 0 if self.self_interaction else -1)
        dots = ops.where(kept, dots, ops.zeros_like(dots))
        return ops.cast(ops.reshape(dots, (-1, fields * fields)), self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, fields, _ = field_shape(type(self).__name__, input_shape)
        if self.skip_gather:
            return (batch, fields * fields)
        return (batch, fields * (fields - 1) // 2 + fields * self.self_interaction)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "self_interaction": self.self_interaction,
            "skip_gather": self.skip_gather,
        }
