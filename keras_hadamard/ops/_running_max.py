"""The largest value so far, which keeps running sums of exponentials in range."""

import tensorflow as tf

from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._xla import inside_xla, optimization_barrier

# Steps in a block, a power of two.
BLOCK = 64


def running_max(x: Tensor) -> Tensor:
    """`m_t = max(x_0, ..., x_t)` along the middle of three axes, a constant for the gradient."""
    x = tf.stop_gradient(x)
    length, width = x.shape[1:]
    if length is None:
        return tf.stop_gradient(_of_unknown_length(x))
    if length <= BLOCK:
        return _doubling(x, length)
    # Inside blocks, then over their ends.
    blocks = -(-length // BLOCK)
    x = tf.pad(x, ((0, 0), (0, blocks * BLOCK - length), (0, 0)), constant_values=x.dtype.min)
    x = _doubling(tf.reshape(x, (-1, BLOCK, width)), BLOCK)
    x = tf.reshape(x, (-1, blocks, BLOCK, width))
    before = tf.pad(
        running_max(x[:, :-1, -1]), ((0, 0), (1, 0), (0, 0)), constant_values=x.dtype.min
    )
    x = tf.maximum(x, before[:, :, None])
    return tf.reshape(x, (-1, blocks * BLOCK, width))[:, :length]


def _doubling(x: Tensor, length: int) -> Tensor:
    by = 1
    while by < length:
        x = tf.concat([x[:, :by], tf.maximum(x[:, by:], x[:, :-by])], axis=1)
        # XLA would compute each pass again for both of its users, and theirs for each of them.
        x, by = optimization_barrier(x) if inside_xla() else x, 2 * by
    return x


def _of_unknown_length(x: Tensor) -> Tensor:
    shape, steps = x.shape, tf.range(tf.shape(x)[1])

    def step(by: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        # Shifts by numbers of steps, as the shapes of slices would differ between iterations.
        before = tf.gather(x, tf.maximum(steps - by, 0), axis=1)
        return 2 * by, tf.ensure_shape(tf.maximum(x, before), shape)

    return tf.while_loop(lambda by, _: by < tf.size(steps), step, (tf.constant(1), x))[1]
