"""The bilinear forms of all pairs of fields."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._kernels import effective_kernel
from keras_hadamard.layers.high_order._fields import field_shape, stacked
from keras_hadamard.ops._pairs import pair_dots, pair_forms, pair_products


@serializable
class OuterProductInteraction(BaseLayer):
    """Outer product of each pair of fields, weighted by a kernel for each pair (outer PNN).

    For the fields `i < j` in the order of rows,

    - `"mat"`: `y_(ij) = sum_(d,e) x_(i,d) * K_(ij,d,e) * x_(j,e)`, a bilinear form of full rank;
    - `"vec"`: `y_(ij) = sum_d K_(ij,d) * x_(i,d) * x_(j,d)`, only its diagonal;
    - `"num"`: `y_(ij) = K_(ij) sum_d x_(i,d) * x_(j,d)`.

    The paper's layer sums the fields before the outer product; this is the form of public code,
    which keeps the pairs separate.

    Args:
        kernel_type: `"mat"`, `"vec"` or `"num"`. Defaults to `"mat"`.
        **kwargs: Arguments of the kernels (`kernel_initializer`, their regularizer and constraint,
            as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of tensors, one per field.

    Input shape:
        `(batch, fields, width)`, or a list of `(batch, width)`.

    Output shape:
        `(batch, fields * (fields - 1) / 2)`.

    Weights:
        `fields * (fields - 1) // 2 * width**2` for `"mat"`.

    Masking:
        A masked field counts as zero. No mask is passed on.

    Numerics:
        Sums over the width are float32 under 16-bit policies, matrix products are in the compute
        dtype. The matrices, `width` columns per pair, are each initialised separately.

    Raises:
        ValueError: If `kernel_type` is none of these, there are fewer than two fields or their
            shapes are unknown or differ.

    Example:

    >>> x = keras.ops.ones((4, 3, 8))
    >>> keras_hadamard.layers.OuterProductInteraction("vec")(x).shape
    TensorShape([4, 3])

    Reference:
        - [Product-based Neural Networks for User Response Prediction (Qu et al., 2016)](
          https://arxiv.org/abs/1611.00144)
    """

    def __init__(self, kernel_type: str = "mat", **kwargs: Unpack[ProjectionArguments]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.kernel_type = one_of("kernel_type", kernel_type, ("mat", "vec", "num"))

    def build(self, input_shape: Any) -> None:
        _, fields, width = field_shape(type(self).__name__, input_shape)
        pairs = fields * (fields - 1) // 2
        if self.kernel_type == "mat":
            self.matrices = self.project(
                width, "matrices", use_bias=False, blocks=pairs, input_shape=(None, width)
            )
            return
        self.kernel = self.add_weight(
            name="kernel",
            shape=(pairs, width if self.kernel_type == "vec" else 1),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        x = stacked(inputs, mask)
        if self.kernel_type == "num":
            return pair_dots(x) * self.kernel[:, 0]
        if self.kernel_type == "vec":
            return self._sum(pair_products(x), self.kernel)
        return pair_forms(x, effective_kernel(self.matrices))

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, fields, _ = field_shape(type(self).__name__, input_shape)
        return (batch, fields * (fields - 1) // 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_type": self.kernel_type}

    def _sum(self, one: Tensor, other: Tensor) -> Tensor:
        dtype = accumulation_dtype(self.compute_dtype)
        products = ops.cast(one, dtype) * ops.cast(other, dtype)
        return ops.cast(ops.sum(products, axis=-1), self.compute_dtype)
