"""factorized_bilinear_pool against reshape and sum."""

import numpy as np
import pytest
from harness.op_checks import check_forward, check_gradients, check_symbolic

from keras_hadamard.ops import factorized_bilinear_pool


def reference(x, y, factor):
    product = x * y
    return product.reshape(*product.shape[:-1], -1, factor).sum(-1)


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize(
    "shapes", [((4, 6), (4, 6)), ((2, 3, 6), (2, 1, 6)), ((2, 1, 6), (2, 3, 6))]
)
def test_equals_reshape_and_sum_with_gradients(shapes, factor):
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=s) for s in shapes)
    check_forward(factorized_bilinear_pool, (x, y), reference(x, y, factor), factor=factor)
    check_gradients(factorized_bilinear_pool, (x, y), factor=factor)


def test_in_functional_models(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 3, 6))
    check_symbolic(factorized_bilinear_pool, (x, y), tmp_path, factor=2)


def test_factor_index_is_the_fastest():
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    np.testing.assert_array_equal(factorized_bilinear_pool(x, np.ones((1, 4)), factor=2), [[3, 7]])


def test_float16_sums_in_float32():
    x, y = np.full((1, 8), 200, "float16"), np.full((1, 8), 200, "float16")
    y[0, 4:] = -200
    assert float(factorized_bilinear_pool(x, y, factor=8)[0, 0]) == 0.0


@pytest.mark.parametrize(
    ("x", "y", "factor", "message"),
    [
        (np.ones((2, 6)), np.ones((2, 6)), 4, "multiple of factor"),
        (np.ones((2, 6)), np.ones((2, 4)), 2, "the same last axis"),
        (np.ones((2, 6)), np.ones((2, 6)), 0, "positive integer"),
        (np.ones((2, 6), int), np.ones((2, 6), int), 2, "floating"),
    ],
)
def test_errors(x, y, factor, message):
    with pytest.raises(ValueError, match=message):
        factorized_bilinear_pool(x, y, factor=factor)
