"""The count sketch, a random projection that is a scatter."""

import math

import numpy as np
import tensorflow as tf
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._inputs import whole_ids
from keras_hadamard.ops._shapes import compatible, static_shape


def count_sketch(x: Tensor, indices: Tensor, signs: Tensor, *, size: int) -> Tensor:
    """Count sketch `y_j = sum_(i: h_i = j) s_i x_i` of the last axis, of width `size`.

    A scatter, not a product with a `(d, size)` matrix; its gradient is a gather.

    Args:
        x: Float tensor of shape `(..., d)`.
        indices: Integer tensor `h` of shape `(d,)`, with values in `0, ..., size - 1`.
        signs: Float tensor `s` of shape `(d,)`, usually of -1 and 1.
        size: Integer, the width of the sketch.

    Returns:
        Tensor of shape `(..., size)`.

    Numerics:
        Sums are float32 for float16 and bfloat16 input. An index out of range is an error where it
        is known when the op is called; computed indices out of range are an error on the CPU, and
        are dropped by XLA and on GPUs.

    Raises:
        ValueError: If the shapes do not fit together, the indices are not integers or are out of
            range, or `x` and `signs` do not have one floating dtype.

    Example:

    >>> x, signs = keras.ops.array([[2.0, 3.0, 4.0]]), keras.ops.array([1.0, -1.0, 1.0])
    >>> y = keras_hadamard.ops.count_sketch(x, [0, 3, 0], signs, size=4)
    >>> [float(v) for v in y[0]]
    [6.0, 0.0, 0.0, -3.0]

    Reference:
        - [Fast and Scalable Polynomial Kernels via Explicit Feature Maps (Pham and Pagh, 2013)](
          https://doi.org/10.1145/2487575.2487591)
    """
    size = positive_int("size", size)
    shape = static_shape(x)
    of_one = static_shape(indices), static_shape(signs)
    if not shape or shape[-1] is None or not all(compatible(s, shape[-1:]) for s in of_one):
        raise received(
            "`x` to be (..., d) of known d, and `indices` and `signs` to be (d,)",
            x_shape=shape,
            indices_shape=of_one[0],
            signs_shape=of_one[1],
        )
    if isinstance(indices, list | tuple | np.ndarray):
        known = np.asarray(indices)
        if known.size and not (known.min() >= 0 and known.max() < size):
            raise received(f"`indices` to lie in 0, ..., {size - 1}", indices=known.tolist())
    if "int" in str(getattr(indices, "dtype", "")):
        indices = whole_ids(indices)
    return _count_sketch(x, indices, signs, size=size)


def _gradient(
    upstream: Tensor, y: Tensor, x: Tensor, indices: Tensor, signs: Tensor, *, size: int
) -> tuple[Tensor | None, ...]:
    del y, size
    dtype = accumulation_dtype(x.dtype)
    gathered = ops.take(ops.cast(upstream, dtype), indices, axis=-1)
    grad_signs = ops.sum(gathered * ops.cast(x, dtype), axis=tuple(range(len(x.shape) - 1)))
    grad_x = gathered * ops.cast(signs, dtype)
    return ops.cast(grad_x, x.dtype), None, ops.cast(grad_signs, signs.dtype)


def _one_scatter(x: Tensor, indices: Tensor, signs: Tensor, *, size: int) -> Tensor:
    """All sums as one scatter of single numbers, which XLA writes without a transposition."""
    dtype = accumulation_dtype(x.dtype)
    signed = ops.cast(x, dtype) * ops.cast(signs, dtype)
    lead = ops.shape(x)[:-1]
    count = math.prod(lead)
    starts = tf.range(count, dtype=indices.dtype) * size
    places = tf.reshape(starts[:, None] + indices, (-1,))
    sums = tf.math.unsorted_segment_sum(tf.reshape(signed, (-1,)), places, count * size)
    return ops.cast(ops.reshape(sums, (*lead, size)), x.dtype)


@custom_op(gradient=_gradient, xla=_one_scatter, integer_args=("indices",))
def _count_sketch(x: Tensor, indices: Tensor, signs: Tensor, *, size: int) -> Tensor:
    dtype = accumulation_dtype(x.dtype)
    signed = ops.cast(x, dtype) * ops.cast(signs, dtype)
    lead = ops.shape(x)[:-1]
    # Segments are sums over the first axis; whole rows are scattered, one for each input feature.
    rows = tf.transpose(tf.reshape(signed, (math.prod(lead), x.shape[-1])))
    sums = tf.transpose(tf.math.unsorted_segment_sum(rows, indices, size))
    return ops.cast(ops.reshape(sums, (*lead, size)), x.dtype)
