"""Fourier transforms as products of real matrices, for formats without an FFT.

A complex tensor is here the pair of its real and imaginary part.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hadamard._core.typing import Tensor

Pair = tuple[Tensor, Tensor]


def waves(rows: int, columns: int, size: int, dtype: Any) -> Pair:
    """`exp(2 pi i j k / size)` of row j and column k."""
    # Multiples of a full turn are removed in integers, where that is exact.
    turns = np.outer(np.arange(rows), np.arange(columns)) % size / size
    cos, sin = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
    return tf.constant(cos, dtype), tf.constant(sin, dtype)


def conjugate(pair: Pair) -> Pair:
    return pair[0], -pair[1]


def times(x: Pair, y: Pair, multiply: Callable[..., Tensor] = tf.multiply) -> Pair:
    """The complex product, or with `multiply=tf.matmul` that of matrices."""
    (a, b), (c, d) = x, y
    return multiply(a, c) - multiply(b, d), multiply(a, d) + multiply(b, c)


def transform(x: Tensor) -> Pair:
    """The transform of the last axis, of a known length, as a table (..., few, many).

    The length is split as `few * many`, as evenly as it can be: with step `j = many j_1 + j_2` and
    frequency `k = k_1 + few k_2`, the table has `k_1` and `k_2`, and the matrices for 16,000 steps
    have 125 and 128 rows. A prime length takes one matrix.
    """
    length = x.shape[-1]
    few = max(n for n in range(1, math.isqrt(length) + 1) if length % n == 0)
    many = length // few
    columns = tf.linalg.matrix_transpose(_reshaped(x, 1, (few, many)))
    cos, sin = waves(few, few, few, x.dtype)
    real = tf.matmul(columns, cos)
    imaginary = -tf.matmul(columns, sin) if few > 2 else tf.zeros_like(real)
    pair = times((real, imaginary), conjugate(waves(many, few, length, x.dtype)))
    return times(transposed(pair), conjugate(waves(many, many, many, x.dtype)), tf.matmul)


def inverse(table: Pair) -> Tensor:
    """The real part of the inverse transform of such a table."""
    few, many = table[0].shape[-2:]
    dtype = table[0].dtype
    pair = times(table, waves(many, many, many, dtype), tf.matmul)
    a, b = times(transposed(pair), waves(many, few, few * many, dtype))
    cos, sin = waves(few, few, few, dtype)
    # The constants are scaled: a division would be one more op, which LiteRT would round to eight
    # bits.
    cos, sin = cos / (few * many), sin / (few * many)
    columns = tf.matmul(a, cos)
    # With one or two rows all sines are zero, for which eight-bit quantization has no scale.
    if few > 2:
        columns -= tf.matmul(b, sin)
    return _reshaped(tf.linalg.matrix_transpose(columns), 2, (few * many,))


def transposed(pair: Pair) -> Pair:
    return tf.linalg.matrix_transpose(pair[0]), tf.linalg.matrix_transpose(pair[1])


def _reshaped(x: Tensor, axes: int, sizes: tuple[int, ...]) -> Tensor:
    """`x` with `sizes` in place of its last `axes`."""
    return tf.reshape(x, tf.concat([tf.shape(x)[:-axes], sizes], 0))
