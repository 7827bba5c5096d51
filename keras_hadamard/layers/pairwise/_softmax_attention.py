"""Softmax attention, the reference that pairwise products are compared with."""

import math

from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers._masks import masked_softmax


def softmax_attention(
    query: Tensor, key: Tensor, value: Tensor, valid: Tensor | None = None
) -> Tensor:
    """`softmax(q k / sqrt(width)) v` of (..., positions, width), over `valid` pairs of positions.

    The softmax is float32 for 16-bit floats. A query is scaled before the product, which would
    overflow float16 otherwise.
    """
    scaled = query / math.sqrt(query.shape[-1])
    scores = ops.matmul(scaled, ops.swapaxes(key, -1, -2))
    scores = ops.cast(scores, accumulation_dtype(scores.dtype))
    return ops.matmul(ops.cast(masked_softmax(scores, valid, -1), value.dtype), value)
