"""modulate against broadcasting."""

import numpy as np
import pytest
from harness.op_checks import check_forward, check_gradients, check_symbolic, gradients

from keras_hadamard.ops import modulate


def data(shape, condition):
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=s) for s in (shape, condition, condition))


@pytest.mark.parametrize("with_shift", [True, False])
@pytest.mark.parametrize(
    ("shape", "condition"),
    [((2, 3), (2, 3)), ((2, 3, 2, 4), (2, 4)), ((2, 5, 3), (2, 5, 3)), ((2, 5, 3), (1, 1, 3))],
)
def test_equals_broadcasting_with_gradients(shape, condition, with_shift):
    x, scale, shift = data(shape, condition)
    wide = (condition[0], *[1] * (len(shape) - len(condition)), *condition[1:])
    expected = scale.reshape(wide) * x + (shift.reshape(wide) if with_shift else 0)
    check_forward(modulate, (x, scale, shift if with_shift else None), expected)
    check_gradients(modulate, (x, scale, shift if with_shift else None))


def test_in_functional_models(tmp_path):
    check_symbolic(modulate, data((2, 3, 4, 5), (2, 5)), tmp_path)


def test_identity():
    x, _, _ = data((2, 4, 3), (2, 3))
    np.testing.assert_array_equal(modulate(x, np.ones((2, 3)), np.zeros((2, 3))), x)


def test_float16_gradient_sums_in_float32():
    # 4,096 ones sum to 2,048 in float16, where the next number is 2,050.
    x = np.ones((1, 4096, 1), "float16")
    scale = np.ones((1, 1), "float16")
    assert float(gradients(modulate, x, scale)[1][0, 0]) == 4096


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.ones((2, 4, 3)), np.ones((2, 4))), "broadcasts to `x`"),
        ((np.ones((2, 4, 3)), np.ones(3)), "broadcasts to `x`"),
        ((np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 1))), "the same shape"),
        ((np.ones((2, 3)), np.ones((2, 3), "float32")), "one floating dtype"),
    ],
)
def test_errors(args, message):
    with pytest.raises(ValueError, match=message):
        modulate(*args)
