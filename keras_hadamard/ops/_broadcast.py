"""The adjoint of broadcasting."""

import tensorflow as tf

from keras_hadamard._core.typing import Tensor


def sum_to(x: Tensor, like: Tensor) -> Tensor:
    """Sums `x` over the axes along which `like` was broadcast to it."""
    if x.shape.is_fully_defined() and like.shape.is_fully_defined():
        if x.shape == like.shape:
            return x
        lead = x.shape.rank - like.shape.rank
        shape = [1] * lead + like.shape.as_list()
        axes = [i for i, (n, m) in enumerate(zip(shape, x.shape, strict=True)) if n != m]
        return tf.reshape(tf.reduce_sum(x, axes), like.shape)
    _, axes = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(x), s1=tf.shape(like))
    return tf.reshape(tf.reduce_sum(x, axes), tf.shape(like))
