"""Shift of the quarters of the channels in four directions."""

import itertools

import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import static_shape


def spatial_shift(x: Tensor) -> Tensor:
    """Moves the quarters of the channels by one pixel, each in another direction.

    The first quarter moves by +1 and the second by -1 along axis 1, the third by +1 and the fourth
    by -1 along axis 2: `y[:, h, w, :c/4] = x[:, h - 1, w, :c/4]`, and so on. The row or column that
    nothing moves into keeps its own value. If the number of channels is not a multiple of four, the
    quarters end at `c // 4`, `c // 2` and `3 c // 4`.

    The public code writes into the tensor that it reads, which on a CPU copies the first row and
    column over the whole map, while autograd returns the gradient of the intended shift. Here
    output and gradient are those of the shift.

    Args:
        x: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the shape of `x`.

    Numerics:
        Values are moved, not computed with.

    Raises:
        ValueError: If `x` is not of rank 4 or its channels are unknown.

    Example:

    >>> x = keras.ops.reshape(keras.ops.arange(4.0), (1, 4, 1, 1))
    >>> y = keras_hadamard.ops.spatial_shift(keras.ops.repeat(x, 4, axis=-1))
    >>> [float(v) for v in y[0, :, 0, 0]], [float(v) for v in y[0, :, 0, 1]]
    ([0.0, 0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 3.0])

    Reference:
        - [S2-MLP: Spatial-Shift MLP Architecture for Vision (Yu et al., 2021)](
          https://arxiv.org/abs/2106.07477)
        - [Multilinear Operator Networks (Cheng et al., 2024)](https://arxiv.org/abs/2401.17992)
    """
    shape = static_shape(x)
    if len(shape) != 4 or shape[-1] is None:
        raise received("`x` (batch, height, width, channels) with known channels", shape=shape)
    return _spatial_shift(x)


def _quarters(x: Tensor) -> list[Tensor]:
    c = x.shape[-1]
    edges = [0, c // 4, c // 2, 3 * c // 4, c]
    return [x[..., a:b] for a, b in itertools.pairwise(edges)]


def _gradient(upstream: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor]:
    del y, x
    moved = []
    for quarter, (axis, forward) in zip(_quarters(upstream), DIRECTIONS, strict=True):
        # A pixel is read by its neighbour, one at the border by itself, or not at all.
        first, last = _cut(quarter, axis, 0, 1), _cut(quarter, axis, -1, None)
        if forward:
            back = tf.concat((_cut(quarter, axis, 1, None), tf.zeros_like(last)), axis)
            edge = tf.concat((first, tf.zeros_like(_cut(quarter, axis, 1, None))), axis)
        else:
            back = tf.concat((tf.zeros_like(first), _cut(quarter, axis, 0, -1)), axis)
            edge = tf.concat((tf.zeros_like(_cut(quarter, axis, 0, -1)), last), axis)
        moved.append(back + edge)
    return (tf.concat(moved, -1),)


DIRECTIONS = ((1, True), (1, False), (2, True), (2, False))


def _cut(x: Tensor, axis: int, start: int, stop: int | None) -> Tensor:
    return x[:, start:stop] if axis == 1 else x[:, :, start:stop]


@custom_op(gradient=_gradient)
def _spatial_shift(x: Tensor) -> Tensor:
    moved = []
    for quarter, (axis, forward) in zip(_quarters(x), DIRECTIONS, strict=True):
        if forward:
            parts = _cut(quarter, axis, 0, 1), _cut(quarter, axis, 0, -1)
        else:
            parts = _cut(quarter, axis, 1, None), _cut(quarter, axis, -1, None)
        moved.append(tf.concat(parts, axis))
    return tf.concat(moved, -1)
