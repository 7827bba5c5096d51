"""polynomial_chain against the recursion of the paper."""

import numpy as np
import pytest
from harness.op_checks import MODES, check_forward, check_gradients, check_symbolic, gradients

from keras_hadamard.ops import polynomial_chain


def reference(factors, axis=-2, gates=None):
    first, *rest = np.moveaxis(factors, axis, 0)
    x = first
    for f, g in zip(rest, np.ones(len(rest)) if gates is None else gates, strict=True):
        x = g * f * x + x
    return x


@pytest.mark.parametrize(
    ("shape", "axis"), [((3, 4, 5), -2), ((3, 1, 5), -2), ((2, 3, 2, 2), 1), ((2, 3), 1)]
)
def test_equals_the_recursion_with_gradients(shape, axis):
    factors = np.random.default_rng(0).normal(size=shape)
    check_forward(polynomial_chain, (factors,), reference(factors, axis), axis=axis)
    check_gradients(polynomial_chain, (factors,), axis=axis)


@pytest.mark.parametrize("degree", [1, 2, 4])
def test_gates_scale_the_products(degree, tmp_path):
    factors = np.random.default_rng(0).normal(size=(3, degree, 5))
    gates = np.linspace(-0.5, 1.5, degree - 1)
    check_forward(polynomial_chain, (factors, gates), reference(factors, gates=gates))
    check_gradients(polynomial_chain, (factors, gates))


def test_gates_at_zero_leave_the_first_factor():
    factors = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.testing.assert_array_equal(polynomial_chain(factors, np.zeros(3)), factors[:, 0])


def test_in_functional_models(tmp_path):
    factors = np.random.default_rng(0).normal(size=(3, 7, 4, 5))
    check_symbolic(polynomial_chain, (factors,), tmp_path)


def test_a_list_of_factors_is_their_stack(tmp_path):
    factors = np.random.default_rng(0).normal(size=(3, 4, 5))
    apart = list(np.moveaxis(factors, 1, 0))
    gates = np.linspace(-0.5, 1.5, 3)

    def of_list(*tensors):
        return polynomial_chain(list(tensors[1:]), tensors[0])

    check_forward(of_list, (gates, *apart), reference(factors, gates=gates))
    check_gradients(of_list, (gates, *apart))
    check_symbolic(lambda *f: polynomial_chain(list(f)), apart, tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_gradient_at_zero_factors(mode):
    # A factor of exactly -1 makes a term zero; dividing the product by it would give NaN.
    factors = np.array([[[0.0, 2.0], [-1.0, -1.0], [3.0, -1.0]]])
    (grad,) = gradients(polynomial_chain, factors, mode=mode)
    np.testing.assert_array_equal(grad, [[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]])
    (grad,) = gradients(polynomial_chain, np.array([[[2.0], [-1.0], [3.0]]]), mode=mode)
    np.testing.assert_array_equal(grad, [[[0.0], [8.0], [0.0]]])


def test_float16_multiplies_in_float32():
    # 300 * 300 overflows float16 on the way to 300 * 300 * 1e-3.
    factors = np.array([[[300.0], [299.0], [-0.999]]], "float16")
    product = float(polynomial_chain(factors)[0, 0])
    assert abs(product - 300 * 300 * (1 - float(np.float16(0.999)))) < 0.1


@pytest.mark.parametrize(
    ("factors", "options", "message"),
    [
        (np.ones((2, 3)), {"axis": 2}, "`axis`"),
        (np.ones((2, 0, 3)), {}, "degree"),
        (np.ones((2, 1, 3), int), {}, "floating"),
        (np.ones((2, 4, 3)), {"gates": np.ones(4)}, r"\(3,\)"),
        ([], {}, "degree"),
        ([np.ones((2, 3)), np.ones((2, 4))], {}, "the same shape"),
        ([np.ones((2, 3), int)] * 2, {}, "floating"),
    ],
)
def test_errors(factors, options, message):
    with pytest.raises(ValueError, match=message):
        polynomial_chain(factors, **options)
