"""The circular convolutions of all pairs of fields."""

from typing import Any, Unpack

import numpy as np
from keras import ops

from keras_hadamard._core.checks import one_of
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.high_order._fields import field_shape, stacked
from keras_hadamard.ops._pairs import pair_products


@serializable
class HolographicInteraction(KernelFreeLayer):
    """Compressed outer products of all pairs of fields (holographic factorisation machine).

    For the fields `i < j` in the order of rows: (0, 1), (0, 2), ..., (1, 2), ...,

    - `"circular_convolution"`: `p_(ij,k) = sum_m x_(i,m) * x_(j,(k-m) mod width)`;
    - `"circular_correlation"`: `p_(ij,k) = sum_m x_(i,m) * x_(j,(k+m) mod width)`;
    - `"product"`: `p_(ij,k) = x_(i,k) * x_(j,k)`.

    A convolution is the Hadamard product of the two spectra. It does not tell `i` from `j`, the
    correlation does.

    Args:
        interaction_type: `"circular_convolution"`, `"circular_correlation"` or `"product"`.
            Defaults to `"circular_convolution"`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of tensors, one per field.

    Input shape:
        `(batch, fields, width)`, or a list of `(batch, width)`.

    Output shape:
        `(batch, fields * (fields - 1) / 2, width)`.

    Weights:
        `0`.

    Masking:
        A masked field counts as zero. No mask is passed on.

    Numerics:
        Transforms and products are float32 under 16-bit policies. The transforms are products with
        the matrices of sines and cosines, which for the usual widths are as fast as a fast
        transform.

    Raises:
        ValueError: If `interaction_type` is none of these, there are fewer than two fields or their
            shapes are unknown or differ.

    Example:

    >>> x = keras.ops.ones((4, 3, 8))
    >>> keras_hadamard.layers.HolographicInteraction()(x).shape
    TensorShape([4, 3, 8])

    Reference:
        - [Holographic Factorization Machines for Recommendation (Tay et al., 2019)](
          https://doi.org/10.1609/aaai.v33i01.33015143)
    """

    def __init__(
        self,
        interaction_type: str = "circular_convolution",
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        kinds = ("circular_convolution", "circular_correlation", "product")
        self.interaction_type = one_of("interaction_type", interaction_type, kinds)

    def build(self, input_shape: Any) -> None:
        field_shape(type(self).__name__, input_shape)

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        x = stacked(inputs, mask)
        if self.interaction_type == "product":
            return pair_products(x)
        fields, width = x.shape[1:]
        dtype = accumulation_dtype(self.compute_dtype)
        x = ops.cast(x, dtype)
        cos, sin, back_cos, back_sin = (ops.cast(m, dtype) for m in _waves(width))
        real, imaginary = ops.matmul(x, cos), ops.matmul(x, sin)
        # The spectrum of a correlation has the conjugate of the first field.
        sign = -1 if self.interaction_type == "circular_correlation" else 1
        products = []
        for i in range(fields - 1):
            a, b = real[:, i : i + 1], sign * imaginary[:, i : i + 1]
            c, d = real[:, i + 1 :], imaginary[:, i + 1 :]
            products.append(
                ops.matmul(a * c - b * d, back_cos) + ops.matmul(a * d + b * c, back_sin)
            )
        return ops.cast(ops.concatenate(products, axis=1), self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, fields, width = field_shape(type(self).__name__, input_shape)
        return (batch, fields * (fields - 1) // 2, width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "interaction_type": self.interaction_type}


def _waves(width: int) -> tuple[np.ndarray, ...]:
    """The real and imaginary transform, and its inverse from half of the spectrum."""
    half = width // 2 + 1
    turns = np.outer(np.arange(width), np.arange(half)) % width * (2 * np.pi / width)
    # All frequencies but zero and, if it is there, the middle one stand for two.
    twice = np.where((np.arange(half) == 0) | (2 * np.arange(half) == width), 1, 2) / width
    cos, sin = np.cos(turns), -np.sin(turns)
    return cos, sin, (cos * twice).T, (sin * twice).T
