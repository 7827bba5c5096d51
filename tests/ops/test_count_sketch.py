"""count_sketch against the sum of the paper, written as a matrix product."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import (
    MODES,
    assert_near,
    check_forward,
    check_gradients,
    check_symbolic,
    gradients,
)

from keras_hadamard.ops import count_sketch

# Index 3 is hit three times, index 1 never.
INDICES = np.array([3, 0, 3, 2, 3], "int32")
SIGNS = np.array([1.0, -1.0, -1.0, 1.0, 1.0])


def matrix(size=4, signs=SIGNS):
    m = np.zeros((5, size))
    m[np.arange(5), INDICES] = signs
    return m


def sketch(x, signs, size=4):
    return count_sketch(x, INDICES, signs, size=size)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (2, 1, 3, 5)])
def test_equals_the_matrix_product_with_gradients(shape):
    x = np.random.default_rng(0).normal(size=shape)
    check_forward(sketch, (x, SIGNS), x @ matrix())
    check_gradients(sketch, (x, SIGNS))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("mode", MODES)
def test_indices_may_be_computed_and_have_no_gradient(mode, dtype):
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 5)))
    weights = np.random.default_rng(1).normal(size=(3, 4))

    def gradient(x, indices):
        signs = tf.constant(SIGNS)
        with tf.GradientTape() as tape:
            tape.watch([x, signs])
            y = tf.reduce_sum(count_sketch(x, indices, signs, size=4) * weights)
        return tape.gradient(y, [x, signs])

    got = MODES[mode](gradient)(x, tf.constant(INDICES, dtype))
    gathered = weights[:, INDICES]
    assert_near(got[0], gathered * SIGNS, 1e-12)
    assert_near(got[1], tf.reduce_sum(gathered * x, 0), 1e-12)
    with tf.GradientTape(persistent=True) as tape:
        indices = tf.constant(INDICES, dtype)
        tape.watch(x)
        y = count_sketch(x, indices, tf.constant(SIGNS), size=4)
    assert tape.gradient(y, indices) is None


def test_in_functional_models(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 7, 5))
    check_symbolic(lambda x: sketch(x, SIGNS.astype("float32")), (x,), tmp_path)


def test_an_unknown_batch_and_none_at_all():
    spec = tf.TensorSpec((None, 5), "float64")
    traced = tf.function(lambda x: sketch(x, SIGNS), input_signature=[spec], autograph=False)
    for batch in (3, 0):
        x = np.random.default_rng(0).normal(size=(batch, 5))
        np.testing.assert_allclose(traced(x), x @ matrix(), atol=1e-12)
        np.testing.assert_allclose(sketch(x, SIGNS), x @ matrix(), atol=1e-12)


def test_float16_sums_in_float32():
    # One after another in float16: 2048 + 1 is 2048 again.
    x = np.array([2048.0, *[1.0] * 100], "float16")
    y = count_sketch(x, np.zeros(101, "int32"), np.ones(101, "float16"), size=1)
    assert float(y[0]) == 2148


def test_huge_values_have_finite_gradients():
    x = np.full((2, 5), 1e30, "float32")
    for grad in gradients(sketch, x, SIGNS.astype("float32")):
        assert np.isfinite(grad).all()


def test_as_a_layer_of_a_model_under_a_16_bit_policy():
    keras.config.set_dtype_policy("mixed_float16")
    x = keras.Input((5,), dtype="float16")
    y = count_sketch(x, INDICES, SIGNS.astype("float16"), size=4)
    assert y.dtype == "float16" and y.shape == (None, 4)


@pytest.mark.parametrize(
    ("arguments", "size", "message"),
    [
        ((np.ones((2, 5)), INDICES, SIGNS), 0, "`size`"),
        ((np.ones((2, 4)), INDICES, SIGNS), 4, "known d"),
        ((np.ones((2, 5)), INDICES, SIGNS[:3]), 4, "known d"),
        ((np.float64(1.0), INDICES, SIGNS), 4, "known d"),
        ((np.ones((2, 5)), INDICES, SIGNS), 3, "`indices`"),
        ((np.ones((2, 5)), -INDICES, SIGNS), 4, "`indices`"),
        ((np.ones((2, 5)), SIGNS - SIGNS, SIGNS), 4, "integers"),
        ((np.ones((2, 5), int), INDICES, SIGNS), 4, "floating"),
        ((np.ones((2, 5), "float32"), INDICES, SIGNS), 4, "floating"),
    ],
)
def test_errors(arguments, size, message):
    with pytest.raises(ValueError, match=message):
        count_sketch(*arguments, size=size)
