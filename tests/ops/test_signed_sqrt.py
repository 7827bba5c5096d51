"""signed_sqrt, whose gradient at zero is the point."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import (
    MODES,
    TOLERANCE,
    check_forward,
    check_gradients,
    check_symbolic,
    gradients,
)

from keras_hadamard.ops import signed_sqrt


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_equals_its_equation_with_gradients(epsilon):
    x = np.array([[-4.0, -0.3, 0.2], [1.0, 2.5, 9.0]])
    expected = x / np.sqrt(np.abs(x) + epsilon)
    check_forward(signed_sqrt, (x,), expected, epsilon=epsilon)
    check_gradients(signed_sqrt, (x,), epsilon=epsilon)


def test_in_functional_models(tmp_path):
    check_symbolic(signed_sqrt, (np.random.default_rng(0).normal(size=(2, 3, 4)),), tmp_path)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("mode", MODES)
def test_gradient_at_exact_zeros_is_zero(mode, dtype):
    # The values that the authors' PyTorch gives.
    (grad,) = gradients(signed_sqrt, np.array([-2.0, 0.0, 3.0], dtype), mode=mode)
    expected = [0.5 / 2**0.5, 0.0, 0.5 / 3**0.5]
    np.testing.assert_allclose(grad, expected, rtol=TOLERANCE[dtype])
    assert grad[1] == 0


@pytest.mark.parametrize("mode", MODES)
def test_second_order_at_zero_is_finite(mode):
    def second(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(signed_sqrt(x))
            grad = inner.gradient(y, x)
        return outer.gradient(grad, x)

    result = MODES[mode](second)(tf.constant([-1.0, 0.0, 4.0]))
    np.testing.assert_allclose(result, [0.25, 0.0, -0.03125], rtol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match="`epsilon`"):
        signed_sqrt(np.ones(3), epsilon=-1.0)
    with pytest.raises(ValueError, match="floating"):
        signed_sqrt(np.ones(3, int))
