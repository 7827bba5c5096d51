"""anova_kernel against the sum over all sets of fields."""

import importlib
import itertools

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

from keras_hadamard.config import eager_compile_scope
from keras_hadamard.ops import _anova_recurrence, anova_kernel, factorization_machine

# The package's own name for it is the function.
module = importlib.import_module("keras_hadamard.ops.anova_kernel")


def reference(x, order, reduce=True):
    sets = itertools.combinations(range(x.shape[-2]), order)
    y = sum((x[..., list(s), :].prod(-2) for s in sets), np.zeros(x[..., 0, :].shape))
    return y.sum(-1, keepdims=True) if reduce else y


@pytest.mark.parametrize("reduce", [True, False])
@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((3, 4, 5), 1),
        ((3, 4, 5), 2),
        ((2, 7, 2), 3),
        ((2, 5, 2), 5),
        ((2, 6, 2), 5),
        ((2, 2, 6, 1), 4),
        ((2, 1, 3), 1),
    ],
)
def test_equals_the_sum_over_sets_with_gradients(shape, order, reduce):
    x = np.random.default_rng(0).uniform(0.5, 1.5, size=shape)
    check_forward(anova_kernel, (x,), reference(x, order, reduce), order=order, reduce=reduce)
    check_gradients(anova_kernel, (x,), order=order, reduce=reduce)


@pytest.mark.parametrize("fields", range(1, 18))
def test_every_number_of_fields_and_order(fields):
    # Groups left over by the halving come and go with the number of fields.
    x = np.random.default_rng(0).normal(size=(2, fields, 1))
    with eager_compile_scope(False):
        for order in {1, 2, 3, fields - 1, fields} - {0}:
            y = np.asarray(anova_kernel(x, order=order))
            np.testing.assert_allclose(y, reference(x, order), rtol=1e-9, atol=1e-9)
            if order > fields:
                continue
            (grad,) = gradients(anova_kernel, x, order=order)
            others = [np.delete(x, i, axis=1) for i in range(fields)]
            wanted = [
                reference(o, order - 1)[:, 0] if order > 1 else np.ones(len(x)) for o in others
            ]
            np.testing.assert_allclose(grad[..., 0].T, wanted, rtol=1e-9, atol=1e-9)


def test_orders_above_the_fields_are_zero():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    np.testing.assert_array_equal(anova_kernel(x, order=4, reduce=False), np.zeros((2, 4)))
    (grad,) = gradients(anova_kernel, x, order=4)
    np.testing.assert_array_equal(grad, np.zeros_like(x))


def test_order_two_is_the_factorization_machine():
    x = np.random.default_rng(0).normal(size=(2, 37, 4))
    for reduce in (True, False):
        one, other = anova_kernel(x, reduce=reduce), factorization_machine(x, reduce=reduce)
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("known", [2, 33, 512])
def test_many_fields(known):
    # Of n ones the kernel is the binomial coefficient.
    x = np.ones((1, known, 2))
    expected = known * (known - 1) * (known - 2) / 6
    assert float(anova_kernel(x, order=3, reduce=False)[0, 0]) == expected


@pytest.mark.parametrize("mode", MODES)
def test_gradient_at_zero_fields(mode):
    # Dividing the product by a zero field would give NaN, and with two zeros as well.
    x = np.array([[[0.0], [0.0], [3.0], [4.0]]])
    (grad,) = gradients(anova_kernel, x, mode=mode, order=3)
    np.testing.assert_array_equal(grad[0, :, 0], [12.0, 12.0, 0.0, 0.0])
    (grad,) = gradients(anova_kernel, np.zeros((1, 4, 2)), mode=mode, order=3)
    np.testing.assert_array_equal(grad, np.zeros((1, 4, 2)))


def test_nothing_cancels_beside_a_huge_field():
    x = np.array([[[1e10], [1.0], [2.0]]], "float32")
    assert float(anova_kernel(x)[0, 0]) == np.float32(3e10)
    assert float(anova_kernel(x, order=3)[0, 0]) == np.float32(2e10)


def test_float16_multiplies_in_float32():
    x = np.array([[[300.0], [300.0], [1e-3]]], "float16")
    product = 300 * 300 * float(np.float16(1e-3))
    assert abs(float(anova_kernel(x, order=3)[0, 0]) - product) < 0.1


@pytest.mark.parametrize("order", [1, 3])
def test_in_functional_models(tmp_path, order):
    x = np.random.default_rng(0).normal(size=(3, 7, 5))
    check_symbolic(anova_kernel, (x,), tmp_path, order=order)


@pytest.mark.parametrize(
    ("x", "order", "message"),
    [
        (np.ones((2, 3, 4)), 0, "positive integer"),
        (np.ones(3), 2, "known number of fields"),
        (np.ones((2, 0, 3)), 2, "known number of fields"),
        (np.ones((2, 3, 4), int), 2, "floating"),
    ],
)
def test_errors(x, order, message):
    with pytest.raises(ValueError, match=message):
        anova_kernel(x, order=order)


@pytest.mark.parametrize("fields", [3, 7, 26, 40])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_both_forms_agree(fields, order):
    """Which one is taken depends on the number of fields and on XLA."""
    rng = np.random.default_rng(0)
    x, upstream = tf.constant(rng.normal(size=(2, fields, 3))), tf.constant(rng.normal(size=(2, 3)))
    one = _anova_recurrence.kernel(x, order)
    other = module._products(x, order)[0][order - 1][..., 0, :]
    assert_near(one, other, 1e-12)
    assert_near(one, reference(x.numpy(), order, reduce=False), 1e-12)
    back = module._back(x, upstream[:, None], order)
    assert_near(_anova_recurrence.gradient(x, upstream, order), back, 1e-12)


@pytest.mark.parametrize("fields", [_anova_recurrence.FEW, _anova_recurrence.FEW + 1])
def test_gradients_on_both_sides_of_the_choice(fields):
    x = np.random.default_rng(0).normal(size=(1, fields, 1))
    check_gradients(anova_kernel, (x,), order=3)
