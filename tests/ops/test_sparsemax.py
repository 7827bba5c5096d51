"""Sparsemax against its definition, with ties, great numbers and rows of one entry."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import MODES, check_forward, check_gradients, check_symbolic

from keras_hadamard.ops._sparsemax import sparsemax


def expected(x):
    """The shift of each row by bisection: the sum falls from above 1 to below it."""
    low, high = x.min(-1, keepdims=True) - 1.0, x.max(-1, keepdims=True)
    for _ in range(200):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


@pytest.mark.parametrize("scale", [1, 8])
@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4), (3, 1)])
def test_equals_its_definition_with_gradients(shape, scale):
    # Steps that the 16-bit types hold too; of the smaller numbers, most are in the support.
    x = scale * np.random.default_rng(0).integers(-8, 8, shape) / 32
    assert scale > 1 or (expected(x) > 0).sum() > 2 * x[..., 0].size or shape[-1] == 1
    check_forward(sparsemax, (x,), expected(x))
    check_gradients(sparsemax, (x + np.random.default_rng(1).normal(size=shape) / 100,))


def test_in_functional_models(tmp_path):
    check_symbolic(sparsemax, (np.random.default_rng(0).normal(size=(3, 4, 5)),), tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_great_numbers_lose_no_digits(mode):
    x = tf.constant([[1e7, 1e7 - 1, -1e7], [-1e30, -1e30, 0.0], [5.0, 5.0, 5.0]])
    y = MODES[mode](sparsemax)(x)
    np.testing.assert_allclose(y, expected(np.asarray(x, "float64")), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(np.sum(y, -1), 1, rtol=1e-6)
