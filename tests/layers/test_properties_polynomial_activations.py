"""Properties of the activations that are polynomials."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import PolyNorm, PolyReLU

EVERY = pytest.mark.parametrize("make", [PolyNorm, PolyReLU])


def scrambled(layer, width=6):
    layer.build((None, width))
    for i, weight in enumerate(layer.weights):
        weight.assign(normal(*weight.shape, seed=5 + i))
    return layer, np.asarray(layer.coefficients), float(layer.bias)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_a_polynomial_of_the_rectified_input_is_its_formula(degree):
    layer, weights, bias = scrambled(PolyReLU(degree))
    x = normal(4, 3, 6)
    u = np.maximum(x, 0)
    assert_close(layer(x), sum(w * u ** (degree - i) for i, w in enumerate(weights)) + bias)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_a_polynomial_of_normalised_powers_is_its_formula(degree, scale):
    layer, weights, bias = scrambled(PolyNorm(degree, epsilon=1e-2))
    x = scale * normal(4, 3, 6)
    y = bias
    for i, w in enumerate(weights):
        u = x ** (degree - i)
        y = y + w * u / np.sqrt((u**2).mean(-1, keepdims=True) + 1e-2)
    assert_close(layer(x), y)


@EVERY
def test_coefficients_start_alike_and_the_bias_at_zero(make):
    layer = make(4)
    layer.build((None, 6))
    np.testing.assert_array_equal(layer.coefficients, [0.25] * 4)
    assert float(layer.bias) == 0.0 and layer.count_params() == 5


def test_of_degree_one_it_is_a_relu_or_a_normalisation():
    x = normal(4, 6)
    assert_close(PolyReLU(1)(x), np.maximum(x, 0))
    norm = keras.layers.RMSNormalization(epsilon=1e-6)
    assert_close(PolyNorm(1)(x), norm(x), 1e-6)


def test_normalised_powers_forget_the_scale_of_a_large_input():
    x = normal(4, 6)
    layer = scrambled(PolyNorm(epsilon=1e-12))[0]
    assert_close(layer(1e3 * x), layer(10 * x), 1e-9)


@pytest.mark.parametrize("size", [1e-30, 1e4, 1e25, 1e150])
def test_normalised_powers_and_their_gradients_are_finite_however_large_the_input(size):
    x = tf.constant(size * normal(4, 6))
    layer = scrambled(PolyNorm())[0]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x) ** 2)
    assert np.isfinite(y)
    for gradient in tape.gradient(y, [x, *(w.value for w in layer.trainable_weights)]):
        assert np.isfinite(gradient).all()


def test_the_gradient_of_normalised_powers_is_that_of_the_formula():
    layer = scrambled(PolyNorm(epsilon=1e-2))[0]
    x, direction = 3 * normal(4, 6), normal(4, 6, seed=3)
    upstream = normal(4, 6, seed=4)
    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = tf.reduce_sum(layer(given) * upstream)
    slope = np.sum(np.asarray(tape.gradient(y, given)) * direction)
    ends = [np.sum(np.asarray(layer(x + s * 1e-6 * direction)) * upstream) for s in (1, -1)]
    assert_close(slope, (ends[0] - ends[1]) / 2e-6, 1e-7)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_powers_are_not_of_16_bits(policy):
    """The cube of a hundred is infinite in float16."""
    keras.config.set_dtype_policy(policy)
    x = 100 * normal(8, 16).astype("float32")
    layer = PolyNorm()
    y = layer(x)
    assert layer.coefficients.dtype == "float32"
    keras.config.set_dtype_policy("float32")
    # The input itself is rounded.
    rounded = np.asarray(keras.ops.cast(keras.ops.cast(x, y.dtype), "float32"))
    error = np.abs(np.asarray(keras.ops.cast(y, "float32")) - PolyNorm()(rounded)).max()
    assert error < (2e-3 if policy == "mixed_float16" else 2e-2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PolyNorm(0), "`degree`"),
        (lambda: PolyReLU(2.5), "`degree`"),
        (lambda: PolyNorm(epsilon=0.0), "`epsilon`"),
        (lambda: PolyNorm()(keras.Input((None,))), "Received"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
