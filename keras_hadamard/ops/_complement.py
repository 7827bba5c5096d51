"""The share of the variance that a decay leaves, `sqrt(1 - a^2)`, from the decay's logarithm."""

import tensorflow as tf

from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op


def _gradient(upstream: Tensor, root: Tensor, log_a: Tensor) -> tuple[Tensor]:
    # The gradient of the root is infinite at zero, and that of the gate is zero there.
    return (-upstream * tf.math.divide_no_nan(tf.exp(2 * log_a), root),)


@custom_op(gradient=_gradient)
def root_of_complement(log_a: Tensor) -> Tensor:
    """`sqrt(1 - a^2)` for `log a`, without a difference; the slope is 0 where `a` is 1."""
    return tf.sqrt(-tf.math.expm1(2 * log_a))
