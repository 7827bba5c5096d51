"""The linear recurrence of matrices, which carries a state from chunk to chunk."""

from typing import Any

import tensorflow as tf

from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import axis_size
from keras_hadamard.ops._xla import dynamic_update_slice

# Steps that a graph computes without a loop.
UNROLLED = 64


def _gradient(
    upstream: Tensor, states: Tensor, a: Tensor, b: Tensor, initial: Tensor, *, reverse: bool
) -> tuple[Tensor, ...]:
    del b
    # The adjoint runs the other way, and its step takes the transposed matrix of the next one.
    nothing = tf.zeros_like(initial)
    edge, turned = tf.zeros_like(a[:, :1]), tf.linalg.matrix_transpose(a)
    if reverse:
        moved = tf.concat([edge, turned[:, :-1]], axis=1)
        before = tf.concat([states[:, 1:], initial[:, None]], axis=1)
    else:
        moved = tf.concat([turned[:, 1:], edge], axis=1)
        before = tf.concat([initial[:, None], states[:, :-1]], axis=1)
    of_b = matrix_scan(moved, upstream, nothing, reverse=not reverse)
    first = -1 if reverse else 0
    of_initial = tf.matmul(turned[:, first], of_b[:, first])
    return tf.matmul(of_b, before, transpose_b=True), of_b, of_initial


def _in_place(a: Tensor, b: Tensor, initial: Tensor, *, reverse: bool) -> Tensor:
    """XLA's lowering, which writes the states in place."""
    length = axis_size(a, 1)
    if a.shape[1] == 1:
        return tf.matmul(a, initial[:, None]) + b

    def step(i: Tensor, state: Tensor, states: Tensor) -> tuple[Tensor, ...]:
        t = length - 1 - i if reverse else i
        state = tf.matmul(a[:, t], state) + b[:, t]
        return i + 1, state, dynamic_update_slice(states, state[:, None], [0, t, 0, 0])

    loop = (tf.constant(0), initial, tf.zeros_like(b))
    return tf.while_loop(lambda i, *_: i < length, step, loop, maximum_iterations=length)[2]


@custom_op(gradient=_gradient, xla=_in_place)
def matrix_scan(a: Tensor, b: Tensor, initial: Tensor, *, reverse: bool) -> Tensor:
    """`s[t] = a[t] s[t-1] + b[t]`, products of matrices, of (batch, length, rows, columns).

    With `reverse`, `s[t] = a[t] s[t+1] + b[t]`.
    """
    known = a.shape[1]
    if known is None or known > UNROLLED:
        return _listed(a, b, initial, reverse)
    state, states = initial, []
    pairs = list(zip(tf.unstack(a, axis=1), tf.unstack(b, axis=1), strict=True))
    for matrix, new in reversed(pairs) if reverse else pairs:
        state = tf.matmul(matrix, state) + new
        states.append(state)
    return tf.stack(states[::-1] if reverse else states, axis=1)


def _listed(a: Tensor, b: Tensor, initial: Tensor, reverse: bool) -> Tensor:
    length = axis_size(a, 1)
    matrices, new = (
        tf.TensorArray(x.dtype, size=length).unstack(tf.transpose(x, (1, 0, 2, 3))) for x in (a, b)
    )
    states = tf.TensorArray(b.dtype, size=length, element_shape=b[:, 0].shape)

    def step(i: Tensor, state: Tensor, states: Any) -> tuple[Any, ...]:
        t = length - 1 - i if reverse else i
        state = tf.ensure_shape(tf.matmul(matrices.read(t), state) + new.read(t), initial.shape)
        return i + 1, state, states.write(t, state)

    loop = (tf.constant(0), initial, states)
    states = tf.while_loop(lambda i, *_: i < length, step, loop, maximum_iterations=length)[2]
    return tf.ensure_shape(tf.transpose(states.stack(), (1, 0, 2, 3)), b.shape)
