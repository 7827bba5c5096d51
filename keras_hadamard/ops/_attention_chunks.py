"""Chunks of gated linear attention: the computation inside each chunk, for all chunks at once.

Products of decays are built up by doubling: blocks of one step, of two, of four, each of two
halves. A query of the later half meets a key of the earlier one through the product from the
middle to the query and that from the key to the middle, so nothing is ever divided, and decays of
exactly zero and one need no special case.
"""

from typing import Any, NamedTuple

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
    ((scores,),), (q,), (k,), total = meetings([Reader(q)], [k], decay)
    return scores, q, k, total


class Reader(NamedTuple):
    """What reads the keys that were written before it: queries, and reads of the error.

    It may read after the decay of its own step, and after the write of its own step.
    """

    x: Tensor
    decayed: bool = True
    written: bool = True


def meetings(
    readers: list[Reader], keys: list[Tensor], decay: Tensor
) -> tuple[list[list[Tensor]], list[Tensor], list[Tensor], Tensor]:
    """The same for several readers and several keys: the scores of each reader with each key."""
    if decay.shape[-1] == keys[0].shape[-1]:
        return _doubled(readers, keys, decay)
    # One decay for all channels: its products once, and the scores by one matrix product.
    ones = tf.ones_like(decay)
    plain = [Reader(ones, reader.decayed, reader.written) for reader in readers]
    products, to_readers, (to_end,), total = _doubled(plain, [ones], decay)
    scores = [
        [product * tf.matmul(reader.x, k, transpose_b=True) for k in keys]
        for reader, (product,) in zip(readers, products, strict=True)
    ]
    read = [reader.x * to for reader, to in zip(readers, to_readers, strict=True)]
    return scores, read, [k * to_end for k in keys], total


def _doubled(
    readers: list[Reader], keys: list[Tensor], decay: Tensor
) -> tuple[list[list[Tensor]], list[Tensor], list[Tensor], Tensor]:
    size, width = decay.shape[1:]
    scores = [[_own(reader, k) for k in keys] for reader in readers]
    reads = [reader.x * decay if reader.decayed else reader.x for reader in readers]
    keys, total, half = list(keys), decay, 1
    while half < size:
        split = [_halves(x, half, width) for x in reads]
        of_keys = [_halves(k, half, width) for k in keys]
        early, late = _halves(total, 1, width)
        scores = [
            [
                _joined(s, _products(later, before), half)
                for s, (before, _) in zip(row, of_keys, strict=True)
            ]
            for row, (_, later) in zip(scores, split, strict=True)
        ]
        reads = [tf.concat([first, early * later], axis=1) for first, later in split]
        keys = [tf.concat([late * before, after], axis=1) for before, after in of_keys]
        total, half = early * late, 2 * half
    return scores, reads, keys, tf.reshape(total, (-1, 1, width))


def _own(reader: Reader, k: Tensor) -> Tensor:
    """The scores of readers with the keys of their own steps."""
    own = tf.reduce_sum(reader.x * k, axis=-1) if reader.written else tf.zeros_like(k[..., 0])
    return tf.reshape(own, (-1, 1, 1))


def _joined(scores: Tensor, cross: Tensor, half: int) -> Tensor:
    """The scores of blocks of two halves, from those of the halves and those between them."""
    one, other = _halves(scores, half, half)
    upper = tf.concat([one, tf.zeros_like(one)], axis=2)
    return tf.concat([upper, tf.concat([cross, other], axis=2)], axis=1)


def _halves(x: Tensor, half: int, width: int) -> Any:
    """Earlier and later halves of blocks, each (blocks, half, width)."""
    return tf.unstack(tf.reshape(x, (-1, 2, half, width)), axis=1)


def _products(q: Tensor, k: Tensor) -> Tensor:
    """All queries of a block with all keys."""
    if q.shape[-1] == 1:
        return q * tf.transpose(k, (0, 2, 1))
    return tf.matmul(q, k, transpose_b=True)
