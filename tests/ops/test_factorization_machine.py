"""factorization_machine against the sum over all pairs."""

import itertools

import numpy as np
import pytest
from harness.op_checks import check_forward, check_gradients, check_symbolic, gradients

from keras_hadamard.ops import factorization_machine


def reference(x, reduce=True):
    fields = np.moveaxis(x, -2, 0)
    y = sum((a * b for a, b in itertools.combinations(fields, 2)), np.zeros(fields.shape[1:]))
    return y.sum(-1, keepdims=True) if reduce else y


@pytest.mark.parametrize("reduce", [True, False])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 1, 3), (2, 2, 3, 2), (3, 2)])
def test_equals_the_sum_over_pairs_with_gradients(shape, reduce):
    x = np.random.default_rng(0).uniform(0.5, 1.5, size=shape)
    check_forward(factorization_machine, (x,), reference(x, reduce), reduce=reduce)
    check_gradients(factorization_machine, (x,), reduce=reduce)


@pytest.mark.parametrize("reduce", [True, False])
def test_in_functional_models(tmp_path, reduce):
    x = np.random.default_rng(0).normal(size=(3, 7, 5))
    check_symbolic(factorization_machine, (x,), tmp_path, reduce=reduce)


def test_one_field_has_no_pair():
    x = np.random.default_rng(0).normal(size=(3, 1, 5))
    np.testing.assert_array_equal(factorization_machine(x), np.zeros((3, 1)))
    (grad,) = gradients(factorization_machine, x)
    np.testing.assert_array_equal(grad, np.zeros_like(x))


def test_float16_squares_in_float32():
    x = np.array([[[300.0], [-300.0], [1.0]]], "float16")  # 300 * 300 overflows; -90000 does too.
    x[0, 1] = 0.5
    assert float(factorization_machine(x)[0, 0]) == 300 * 0.5 + 300 + 0.5


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_gradient_is_the_sum_of_the_others(mode):
    x = np.array([[[1e30], [2.0], [0.0]]], "float32")
    (grad,) = gradients(factorization_machine, x, mode=mode)
    np.testing.assert_allclose(grad[0, 1:, 0], [1e30, 1e30], rtol=1e-6)
    assert np.isfinite(grad).all()


@pytest.mark.parametrize(
    ("x", "message"), [(np.ones(3), "fields, width"), (np.ones((2, 3, 4), int), "floating")]
)
def test_errors(x, message):
    with pytest.raises(ValueError, match=message):
        factorization_machine(x)
