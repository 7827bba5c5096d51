"""The largest value so far, by which running sums of exponentials are kept in range."""

import tensorflow as tf

from keras_hadamard._typing import Tensor
from keras_hadamard.ops._xla import computed_once, inside_xla


def running_max(x: Tensor) -> Tensor:
    """`m_t = max(x_0, ..., x_t)` along axis 1, a constant for the gradient.

    Every step is compared with one ever further back, so the passes are the length's logarithm.
    """
    x = tf.stop_gradient(x)
    static, known = x.shape, x.shape[1]
    length = tf.shape(x)[1] if known is None else known
    once = computed_once if inside_xla() else tf.identity

    def compared(by: Tensor | int, x: Tensor) -> Tensor:
        # XLA would compute each pass anew for both that read it, and so on.
        return once(tf.concat([x[:, :by], tf.maximum(x[:, by:], x[:, : length - by])], axis=1))

    if known is None:
        loop = tf.while_loop(
            lambda by, _: by < length,
            lambda by, x: (2 * by, tf.ensure_shape(compared(by, x), static)),
            (tf.constant(1), x),
        )
        return tf.stop_gradient(loop[1])
    by = 1
    while by < known:
        x, by = compared(by, x), 2 * by
    return x
