"""Softmax attention, the reference that pairwise products are compared with."""

import math
from typing import Any

from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers._masks import masked_softmax


def softmax_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    valid: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """`softmax(q k / sqrt(width) + bias) v` of (..., positions, width), over `valid` pairs.

    The softmax is float32 for 16-bit floats. A query is scaled before the product, which would
    overflow float16 otherwise.
    """
    scaled = query / math.sqrt(query.shape[-1])
    scores = ops.matmul(scaled, ops.swapaxes(key, -1, -2))
    scores = ops.cast(scores, accumulation_dtype(scores.dtype))
    if bias is not None:
        scores = scores + ops.cast(bias, scores.dtype)
    return ops.matmul(ops.cast(masked_softmax(scores, valid, -1), value.dtype), value)


def grouped_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    valid: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """The same of (batch, positions, heads, width), where a key may serve several queries."""
    groups = query.shape[2] // key.shape[2]
    if groups > 1:
        key, value = (ops.repeat(x, groups, axis=2) for x in (key, value))
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    return ops.transpose(softmax_attention(query, key, value, valid, bias), (0, 2, 1, 3))


def valid_pairs(
    length: Any, mask: Tensor | None, causal: bool, window: int | None = None
) -> Tensor | None:
    """Which position sees which, to be broadcast to (batch, heads, positions, positions)."""
    seen = None if mask is None else mask[:, None, None]
    if causal:
        places = ops.arange(length)
        back = places[:, None] - places
        near = back >= 0
        if window is not None:
            near = ops.logical_and(near, back < window)
        seen = near if seen is None else ops.logical_and(seen, near)
    return seen
