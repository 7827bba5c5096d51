"""l2_normalize, with rows that have no direction and rows whose square overflows."""

import numpy as np
import pytest
from harness.op_checks import (
    MODES,
    TOLERANCE,
    check_forward,
    check_gradients,
    check_symbolic,
    gradients,
)

from keras_hadamard.ops import l2_normalize


@pytest.mark.parametrize("axis", [-1, 1])
def test_equals_its_equation_with_gradients(axis):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    expected = x / np.linalg.norm(x, axis=axis, keepdims=True)
    check_forward(l2_normalize, (x,), expected, axis=axis)
    check_gradients(l2_normalize, (x,), axis=axis)


def test_in_functional_models(tmp_path):
    check_symbolic(l2_normalize, (np.random.default_rng(0).normal(size=(2, 3, 4)),), tmp_path)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("mode", MODES)
def test_zero_rows(mode, dtype):
    import tensorflow as tf

    x = tf.cast([[0.0, 0.0], [3.0, 4.0]], dtype)
    y = tf.cast(MODES[mode](l2_normalize)(x), "float64")
    np.testing.assert_allclose(y, [[0, 0], [0.6, 0.8]], rtol=TOLERANCE[dtype])
    (grad,) = gradients(l2_normalize, x, mode=mode)
    np.testing.assert_array_equal(grad[0].astype("float64"), [0, 0])
    assert np.isfinite(grad.astype("float64")).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scale", [1e30, 1e-9])
def test_norms_whose_square_leaves_float32(mode, scale):
    x = np.array([[3.0, 4.0]], "float32") * np.float32(scale)
    np.testing.assert_allclose(MODES[mode](l2_normalize)(x), [[0.6, 0.8]], rtol=1e-6)
    (grad,) = gradients(l2_normalize, x, mode=mode)
    assert np.isfinite(grad).all()


def test_the_norm_is_bounded_not_its_square():
    np.testing.assert_allclose(l2_normalize(np.array([[1e-3]]), epsilon=0.1), [[1e-2]], rtol=1e-12)


def test_errors():
    with pytest.raises(ValueError, match="`axis`"):
        l2_normalize(np.ones((2, 3)), axis=2)
    with pytest.raises(ValueError, match="`epsilon`"):
        l2_normalize(np.ones((2, 3)), epsilon=0.0)
    with pytest.raises(ValueError, match="floating"):
        l2_normalize(np.ones((2, 3), int))
