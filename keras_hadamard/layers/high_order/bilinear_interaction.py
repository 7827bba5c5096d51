"""The bilinear products of all pairs of fields."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._kernels import effective_kernel
from keras_hadamard.layers.high_order._fields import field_shape, stacked


@serializable
class BilinearInteraction(BaseLayer):
    """Product of each field, projected, with every later one (the interaction of FiBiNET).

    `p_(ij) = (x_i W) * x_j` for the fields `i < j` in the order of rows: (0, 1), (0, 2), ...,
    (1, 2), ... . The matrix `W`, of shape `(width, width)`, is

    - `"field_all"`: the same for all pairs;
    - `"field_each"`: that of the first field, `W_i`;
    - `"field_interaction"`: that of the pair, `W_(ij)`.

    FiBiNET applies it to the embeddings and, with other weights, to the embeddings after a
    `FieldSqueezeExcite`. Public code also has a `W_i` of the last field, which is never used.

    Args:
        bilinear_type: `"field_all"`, `"field_each"` or `"field_interaction"`. Defaults to
            `"field_interaction"`.
        **kwargs: Arguments of the kernels (`kernel_initializer`, their regularizer and constraint,
            as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of tensors, one per field.

    Input shape:
        `(batch, fields, width)`, or a list of `(batch, width)`.

    Output shape:
        `(batch, fields * (fields - 1) / 2, width)`.

    Weights:
        `fields * (fields - 1) // 2 * width**2` for `"field_interaction"`; `(fields - 1) * width**2`
        for `"field_each"`; `width**2` for `"field_all"`.

    Masking:
        A masked field counts as zero. No mask is passed on.

    Numerics:
        Products are computed in the compute dtype. The matrices are each initialised separately.

    Raises:
        ValueError: If `bilinear_type` is none of these, there are fewer than two fields or their
            shapes are unknown or differ.

    Example:

    >>> x = keras.ops.ones((4, 3, 8))
    >>> keras_hadamard.layers.BilinearInteraction("field_all")(x).shape
    TensorShape([4, 3, 8])

    Reference:
        - [FiBiNET: Combining Feature Importance and Bilinear Feature Interaction for Click-Through
          Rate Prediction (Huang et al., 2019)](https://arxiv.org/abs/1905.09433)
    """

    def __init__(
        self, bilinear_type: str = "field_interaction", **kwargs: Unpack[ProjectionArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        kinds = ("field_all", "field_each", "field_interaction")
        self.bilinear_type = one_of("bilinear_type", bilinear_type, kinds)

    def build(self, input_shape: Any) -> None:
        _, fields, width = field_shape(type(self).__name__, input_shape)
        count = {
            "field_all": 1,
            "field_each": fields - 1,
            "field_interaction": fields * (fields - 1) // 2,
        }
        self.matrices = self.project(
            width,
            "matrices",
            use_bias=False,
            blocks=count[self.bilinear_type],
            input_shape=(None, width),
        )

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        x = stacked(inputs, mask)
        fields, width = x.shape[1:]
        kernel = effective_kernel(self.matrices)
        projected = ops.matmul(x, kernel) if self.bilinear_type == "field_all" else None
        products, start = [], 0
        # A field is multiplied by all later ones at once.
        for i in range(fields - 1):
            if projected is not None:
                left = projected[:, i : i + 1]
            else:
                count = 1 if self.bilinear_type == "field_each" else fields - 1 - i
                part = kernel[:, start * width : (start + count) * width]
                left = ops.reshape(ops.matmul(x[:, i], part), (-1, count, width))
                start += count
            products.append(left * x[:, i + 1 :])
        return ops.concatenate(products, axis=1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, fields, width = field_shape(type(self).__name__, input_shape)
        return (batch, fields * (fields - 1) // 2, width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bilinear_type": self.bilinear_type}
