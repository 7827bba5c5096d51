"""Chunks of gated linear attention: the computation inside each chunk, for all chunks at once.

Products of decays are built up by doubling: blocks of one step, of two, of four, each of two
halves. A query of the later half meets a key of the earlier one through the product from the
middle to the query and that from the key to the middle, so nothing is ever divided, and decays of
exactly zero and one need no special case.
"""

from typing import Any

import tensorflow as tf

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._shapes import axis_size, ceil_div


def chunk_size(x: Tensor, chunk: int) -> int:
    """Steps of a chunk: for a shorter sequence, the next power of two."""
    length = x.shape[1]
    return chunk if length is None else min(chunk, 1 << max(length - 1, 0).bit_length())


def to_chunks(x: Tensor, size: int, fill: float = 0.0) -> Tensor:
    """(batch, length, heads, width) to (batch * heads * chunks, size, width)."""
    x = tf.transpose(tf.cast(x, accumulation_dtype(x.dtype)), (0, 2, 1, 3))
    more = ceil_div(axis_size(x, 2), size) * size - axis_size(x, 2)
    if not isinstance(more, int) or more:
        x = tf.pad(x, [[0, 0], [0, 0], [0, more], [0, 0]], constant_values=fill)
    return tf.reshape(x, (-1, size, x.shape[-1]))


def from_chunks(x: Tensor, like: Tensor) -> Tensor:
    """The inverse of `to_chunks`, with the batch, length, heads and dtype of `like`."""
    batch, length, heads = (axis_size(like, axis) for axis in range(3))
    count = ceil_div(length, x.shape[1])
    x = tf.reshape(x, (batch, heads, count * x.shape[1], x.shape[-1]))
    return tf.cast(tf.transpose(x[:, :, :length], (0, 2, 1, 3)), like.dtype)


def within(q: Tensor, k: Tensor, decay: Tensor | None = None) -> tuple[Tensor, ...]:
    """Chunks (n, size, keys) to scores, decayed queries and keys, and products of all decays.

    Scores `(n, size, size)` are those of the queries and of the keys before them. A query is
    decayed from the start of the chunk, a key to its end. Without decays there are no products.
    """
    if decay is None:
        return tf.linalg.band_part(tf.matmul(q, k, transpose_b=True), -1, 0), q, k
    if decay.shape[-1] == q.shape[-1]:
        return _doubled(q, k, decay)
    # One decay for all channels: its products once, and the scores by one matrix product.
    ones = tf.ones_like(decay)
    products, to_query, to_end, total = _doubled(ones, ones, decay)
    return products * tf.matmul(q, k, transpose_b=True), q * to_query, k * to_end, total


def _doubled(q: Tensor, k: Tensor, decay: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    size, width = q.shape[1:]
    scores = tf.reshape(tf.reduce_sum(q * k, axis=-1), (-1, 1, 1))
    q, total, half = q * decay, decay, 1
    while half < size:
        q_early, q_late = _halves(q, half, width)
        k_early, k_late = _halves(k, half, width)
        early, late = _halves(total, 1, width)
        one, other = _halves(scores, half, half)
        upper = tf.concat([one, tf.zeros_like(one)], axis=2)
        scores = tf.concat([upper, tf.concat([_products(q_late, k_early), other], 2)], axis=1)
        q = tf.concat([q_early, early * q_late], axis=1)
        k = tf.concat([late * k_early, k_late], axis=1)
        total, half = early * late, 2 * half
    return scores, q, k, tf.reshape(total, (-1, 1, width))


def _halves(x: Tensor, half: int, width: int) -> Any:
    """Earlier and later halves of blocks, each (blocks, half, width)."""
    return tf.unstack(tf.reshape(x, (-1, 2, half, width)), axis=1)


def _products(q: Tensor, k: Tensor) -> Tensor:
    """All queries of a block with all keys."""
    if q.shape[-1] == 1:
        return q * tf.transpose(k, (0, 2, 1))
    return tf.matmul(q, k, transpose_b=True)
