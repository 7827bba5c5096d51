"""Pairs of fields `i < j` of a tensor (batch, fields, width), row by row.

TensorFlow differentiates a gather by scattering. Here the pairs of each field are known, so the
gradients are gathers too.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._xla import inside_xla


def pair_indices(fields: int) -> tuple[np.ndarray, np.ndarray]:
    """The fields `i` and `j` of all pairs `i < j`, in the order of rows of the upper triangle."""
    left, right = np.triu_indices(fields, 1)
    return left, right


def _positions(fields: int, lower: bool, diagonal: bool) -> np.ndarray:
    """The positions of the pairs in a flattened matrix (fields, fields)."""
    triangle = np.tril if lower else np.triu
    offset = 0 if diagonal else (-1 if lower else 1)
    return np.flatnonzero(triangle(np.ones((fields, fields)), offset))


def _dots_gradient(
    upstream: Tensor, y: Tensor, x: Tensor, *, lower: bool, diagonal: bool
) -> tuple[Tensor]:
    del y
    fields, dtype = x.shape[1], accumulation_dtype(x.dtype)
    positions = _positions(fields, lower, diagonal)
    place = np.full(fields * fields, len(positions))
    place[positions] = np.arange(len(positions))
    place = place.reshape(fields, fields)
    # Symmetric: d<x_i, x_j> reaches both; a diagonal entry does so twice.
    both = np.minimum(place, place.T).reshape(-1)
    rows = ops.pad(ops.transpose(ops.cast(upstream, dtype)), [[0, 1], [0, 0]])
    matrix = ops.reshape(tf.gather(rows, both, axis=0), (fields, fields, -1))
    matrix = ops.transpose(matrix, (2, 0, 1))
    if diagonal:
        matrix = matrix * (1 + np.eye(fields, dtype=dtype))
    return (ops.cast(ops.matmul(matrix, ops.cast(x, dtype)), x.dtype),)


@custom_op(gradient=_dots_gradient)
def pair_dots(x: Tensor, *, lower: bool = False, diagonal: bool = False) -> Tensor:
    """`<x_i, x_j>` of the pairs of (batch, fields, width): (batch, pairs)."""
    wide = ops.cast(x, accumulation_dtype(x.dtype))
    dots = ops.matmul(wide, ops.transpose(wide, (0, 2, 1)))
    fields = x.shape[1]
    # Whole rows are taken faster than single numbers, and transposing costs little.
    rows = ops.transpose(ops.reshape(dots, (-1, fields * fields)))
    taken = tf.gather(rows, _positions(fields, lower, diagonal), axis=0)
    return ops.cast(ops.transpose(taken), x.dtype)


def _products_gradient(upstream: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor]:
    del y
    fields, dtype = x.shape[1], accumulation_dtype(x.dtype)
    if inside_xla():
        return (ops.cast(_by_rows(ops.cast(upstream, dtype), ops.cast(x, dtype)), x.dtype),)
    left, right = pair_indices(fields)
    place = np.full((fields, fields), len(left))
    place[left, right] = place[right, left] = np.arange(len(left))
    padded = ops.pad(ops.cast(upstream, dtype), [[0, 0], [0, 1], [0, 0]])
    matrix = tf.gather(padded, place.reshape(-1), axis=1)
    matrix = ops.reshape(matrix, (-1, fields, fields, x.shape[2]))
    return (ops.cast(ops.sum(matrix * ops.cast(x, dtype)[:, None], axis=2), x.dtype),)


def _by_rows(upstream: Tensor, x: Tensor) -> Tensor:
    """The same row by row, which XLA fuses better than a gather."""
    fields = x.shape[1]
    first, later, start = [], None, 0
    others = []
    for i in range(fields - 1):
        up, start = upstream[:, start : start + fields - 1 - i], start + fields - 1 - i
        first.append(ops.sum(up * x[:, i + 1 :], axis=1))
        reached = up * x[:, i : i + 1]
        later = reached if later is None else later[:, 1:] + reached
        others.append(later[:, 0])
    grads = [a + b for a, b in zip(first[1:], others, strict=False)]
    return ops.stack([first[0], *grads, others[-1]], axis=1)


@custom_op(gradient=_products_gradient)
def pair_products(x: Tensor) -> Tensor:
    """`x_i * x_j` of the pairs of (batch, fields, width): (batch, pairs, width)."""
    return _gathered_products(x)


def _gathered_products(x: Tensor) -> Tensor:
    left, right = pair_indices(x.shape[1])
    return tf.gather(x, left, axis=1) * tf.gather(x, right, axis=1)


def attended_products(x: Tensor) -> Tensor:
    """`pair_products` where the gradient from above is a long formula.

    Inside XLA the gathers are then left to autodiff: a scatter computes that formula once, while
    gathers and sums would have it fused into each of them.
    """
    return _gathered_products(x) if inside_xla() else pair_products(x)


def _forms_gradient(
    upstream: Tensor, y: Tensor, x: Tensor, kernel: Tensor
) -> tuple[Tensor, Tensor]:
    del y
    dtype = accumulation_dtype(x.dtype)
    x32, kernel32 = ops.cast(x, dtype), ops.cast(kernel, dtype)
    grads_left, grads_right, grads_kernel = [], [], []
    later = None
    for left, rest, part, up in _rows(x32, kernel32, ops.cast(upstream, dtype)):
        weighted = ops.reshape(ops.expand_dims(up, -1) * rest, (-1, part.shape[1]))
        grads_left.append(ops.matmul(weighted, ops.transpose(part)))
        grads_kernel.append(ops.matmul(ops.transpose(left), weighted))
        formed = ops.reshape(ops.matmul(left, part), (-1, *rest.shape[1:]))
        reached = ops.expand_dims(up, -1) * formed
        # The gradients of the fields after i; that of the next one is complete.
        later = reached if later is None else later[:, 1:] + reached
        grads_right.append(later[:, 0])
    grads = [a + b for a, b in zip(grads_left[1:], grads_right, strict=False)]
    grad = ops.stack([grads_left[0], *grads, grads_right[-1]], axis=1)
    grad_kernel = ops.concatenate(grads_kernel, axis=1)
    return ops.cast(grad, x.dtype), ops.cast(grad_kernel, kernel.dtype)


@custom_op(gradient=_forms_gradient)
def pair_forms(x: Tensor, kernel: Tensor) -> Tensor:
    """`x_i K_(ij) x_j` of the pairs of (batch, fields, width): (batch, pairs).

    The kernel is (width, pairs * width), the matrices side by side. A field is multiplied by all
    later ones in one matrix product.
    """
    dtype = accumulation_dtype(x.dtype)
    forms = []
    for left, rest, part, _ in _rows(x, kernel, None):
        formed = ops.reshape(ops.matmul(left, part), (-1, *rest.shape[1:]))
        forms.append(ops.sum(ops.cast(formed, dtype) * ops.cast(rest, dtype), axis=-1))
    return ops.cast(ops.concatenate(forms, axis=1), x.dtype)


def _rows(x: Tensor, kernel: Tensor, upstream: Tensor | None) -> Iterator[tuple[Any, ...]]:
    """Each field but the last, the later ones, and the kernel and upstream of their pairs."""
    fields, width = x.shape[1:]
    start = 0
    for i in range(fields - 1):
        end = start + fields - 1 - i
        part = kernel[:, start * width : end * width]
        yield x[:, i], x[:, i + 1 :], part, None if upstream is None else upstream[:, start:end]
        start = end


def _crossed_gradient(upstream: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor]:
    del y
    fields = x.shape[1]
    left, right = pair_indices(fields)
    pairs = len(left)
    place = np.full((fields, fields), 2 * pairs)
    place[left, right], place[right, left] = np.arange(pairs), pairs + np.arange(pairs)
    padded = ops.pad(upstream, [[0, 0], [0, 1], [0, 0]])
    return (ops.reshape(tf.gather(padded, place.reshape(-1), axis=1), ops.shape(x)),)


@custom_op(gradient=_crossed_gradient)
def crossed_sides(x: Tensor) -> Tensor:
    """`x_(ij)` of all pairs, then `x_(ji)`: (batch, fields, fields, width) to (batch, 2 * pairs,
    width)."""
    fields = x.shape[1]
    left, right = pair_indices(fields)
    positions = np.concatenate([left * fields + right, right * fields + left])
    return tf.gather(ops.reshape(x, (-1, fields * fields, x.shape[3])), positions, axis=1)
