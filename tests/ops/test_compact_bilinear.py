"""compact_bilinear against the circular convolution, term by term."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import MODES, check_forward, check_gradients, check_symbolic, gradients

from keras_hadamard.ops import compact_bilinear, count_sketch


def reference(x, y, sum_axis=None):
    width = x.shape[-1]
    shifts = [np.roll(y, j, axis=-1) * x[..., j : j + 1] for j in range(width)]
    z = np.sum(shifts, axis=0)
    return z if sum_axis is None else z.sum(sum_axis)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(
    ("x_shape", "y_shape", "sum_axis"),
    [
        ((3, 8), (3, 8), None),
        ((3, 7), (3, 7), None),  # An odd width has no Nyquist frequency.
        ((3, 1), (3, 1), None),
        ((5,), (5,), None),
        ((2, 3, 6), (2, 1, 6), None),
        ((1, 3, 5), (2, 1, 5), None),
        ((2, 3, 6), (2, 3, 6), 1),
        ((2, 3, 5), (1, 3, 5), -2),
        ((2, 3, 4), (2, 3, 4), 0),
    ],
)
def test_equals_the_circular_convolution_with_gradients(x_shape, y_shape, sum_axis):
    x, y = normal(*x_shape), normal(*y_shape, seed=1)
    check_forward(compact_bilinear, (x, y), reference(x, y, sum_axis), sum_axis=sum_axis)
    check_gradients(compact_bilinear, (x, y), sum_axis=sum_axis)


@pytest.mark.parametrize("sum_axis", [None, 1])
def test_in_functional_models(tmp_path, sum_axis):
    x, y = normal(3, 7, 6), normal(3, 7, 6, seed=1)
    check_symbolic(compact_bilinear, (x, y), tmp_path, sum_axis=sum_axis)


@pytest.mark.parametrize("size", [16, 13])
def test_of_two_count_sketches_is_the_count_sketch_of_the_outer_product(size):
    rng = np.random.default_rng(0)
    x, y = normal(3, 7), normal(3, 5, seed=1)
    h, g = rng.integers(0, size, 7), rng.integers(0, size, 5)
    s, t = rng.choice([-1.0, 1.0], 7), rng.choice([-1.0, 1.0], 5)
    z = compact_bilinear(count_sketch(x, h, s, size=size), count_sketch(y, g, t, size=size))
    outer = np.einsum("bi,bj->bij", x, y).reshape(3, 35)
    both = ((h[:, None] + g) % size).ravel()
    expected = count_sketch(outer, both, np.outer(s, t).ravel(), size=size)
    np.testing.assert_allclose(z, expected, atol=1e-13)


def test_convolution_with_the_unit_is_the_identity():
    x = normal(3, 9)
    np.testing.assert_allclose(compact_bilinear(x, np.eye(9)[:1]), x, atol=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_at_zero(mode):
    x = np.zeros((2, 6))
    for grad in gradients(compact_bilinear, x, x, mode=mode):
        np.testing.assert_array_equal(grad, x)


def test_an_unknown_batch_and_none_at_all():
    spec = tf.TensorSpec((None, 3, 4), "float64")
    traced = tf.function(
        lambda x, y: compact_bilinear(x, y, sum_axis=1),
        input_signature=[spec, spec],
        autograph=False,
    )
    for batch in (2, 0):
        x, y = normal(batch, 3, 4), normal(batch, 3, 4, seed=1)
        np.testing.assert_allclose(traced(x, y), reference(x, y, 1), atol=1e-13)
        np.testing.assert_allclose(
            compact_bilinear(x, y, sum_axis=1), reference(x, y, 1), atol=1e-13
        )


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), {}, "last axis"),
        (np.ones((2, 3)), np.ones((3, 3)), {}, "broadcast"),
        (np.ones((2, 3)), np.ones(3), {}, "broadcast"),
        (np.ones((2, 3)), np.ones((2, 3)), {"sum_axis": 1}, "`sum_axis`"),
        (np.ones((2, 3)), np.ones((2, 3)), {"sum_axis": -3}, "`sum_axis`"),
        (np.ones((2, 3)), np.ones((1, 3)), {"sum_axis": 0}, "equally long"),
        (np.ones((2, 3), int), np.ones((2, 3), int), {}, "floating"),
        (np.ones((2, 3), "float32"), np.ones((2, 3)), {}, "floating"),
    ],
)
def test_errors(x, y, options, message):
    with pytest.raises(ValueError, match=message):
        compact_bilinear(x, y, **options)
