"""Laws of the polynomials."""

import keras
import numpy as np
import pytest

from keras_hadamard.layers import (
    PolynomialDense,
)


@pytest.fixture(autouse=True)
def _float64():
    keras.config.set_dtype_policy("float64")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def same(one, other, tolerance=1e-12):
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("decomposition", ["ccp", "ncp", "ncp_skip"])
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_output_along_a_ray_is_a_polynomial_of_exactly_the_degree(decomposition, degree):
    layer = PolynomialDense(
        3, degree, decomposition, rank=4, bias_initializer=keras.initializers.RandomNormal(1.0)
    )
    z = normal(1, 5)
    t = np.linspace(-1, 1, degree + 2)[:, None]
    y = np.asarray(layer(t * z))

    def misfit(of):
        coefficients = np.polynomial.polynomial.polyfit(t[:, 0], y, of)
        fit = np.polynomial.polynomial.polyval(t[:, 0], coefficients).T
        return np.abs(fit - y).max() / np.abs(y).max()

    assert misfit(degree) < 1e-9
    assert misfit(degree - 1) > 1e-6


@pytest.mark.parametrize("decomposition", ["ccp", "ncp", "ncp_skip"])
def test_degree_one_is_dense(decomposition):
    layer = PolynomialDense(3, 1, decomposition, rank=4)
    x = normal(6, 5)
    y = layer(x)
    dense = keras.layers.Dense(3)
    dense.build((None, 5))
    kernel = np.asarray(layer.factors.kernel)
    if layer.first_state is not None:
        kernel = kernel * np.asarray(layer.first_state)
    output = layer.output_projection
    dense.set_weights([kernel @ np.asarray(output.kernel), np.asarray(output.bias)])
    same(y, dense(x))


def test_two_inputs_of_a_product_meet():
    # What a linear layer cannot be: exactly x1 * x2.
    layer = PolynomialDense(1, 2, "ncp", rank=1, use_bias=False)
    layer.build((None, 2))
    layer.set_weights(
        [
            np.ones(1),
            np.array([[1.0, 0.0], [0.0, 1.0]]),
            np.ones((1, 1)),
            np.zeros(1),
            np.ones((1, 1)),
        ]
    )
    x = normal(5, 2)
    same(layer(x)[:, 0], x[:, 0] * x[:, 1])
