"""spatial_shift against the shift pixel by pixel."""

import numpy as np
import pytest
from harness.op_checks import check_forward, check_gradients, check_symbolic, gradients

from keras_hadamard.ops import spatial_shift


def reference(x):
    y = x.copy()
    c = x.shape[-1]
    y[:, 1:, :, : c // 4] = x[:, :-1, :, : c // 4]
    y[:, :-1, :, c // 4 : c // 2] = x[:, 1:, :, c // 4 : c // 2]
    y[:, :, 1:, c // 2 : 3 * c // 4] = x[:, :, :-1, c // 2 : 3 * c // 4]
    y[:, :, :-1, 3 * c // 4 :] = x[:, :, 1:, 3 * c // 4 :]
    return y


@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 8), (2, 4, 3, 6), (1, 1, 2, 5), (2, 2, 1, 2), (0, 2, 2, 4)]
)
def test_equals_the_shift_with_gradients(shape):
    x = np.random.default_rng(0).normal(size=shape)
    check_forward(spatial_shift, (x,), reference(x))
    check_gradients(spatial_shift, (x,))


def test_the_gradient_counts_readers():
    # The border is read by itself and, but for the other border, every pixel by one neighbour.
    (grad,) = gradients(spatial_shift, np.ones((1, 4, 1, 4), "float32"))
    np.testing.assert_array_equal(grad[0, :, 0, 0], [2, 1, 1, 0])
    np.testing.assert_array_equal(grad[0, :, 0, 1], [0, 1, 1, 2])
    np.testing.assert_array_equal(grad[0, :, 0, 2], [1, 1, 1, 1])


def test_the_border_is_not_smeared():
    # What the public code does on a CPU, where it reads what it has just written.
    x = np.arange(4.0).reshape(1, 4, 1, 1).repeat(4, -1)
    np.testing.assert_array_equal(spatial_shift(x)[0, :, 0, 0], [0, 0, 1, 2])


def test_in_functional_models(tmp_path):
    check_symbolic(spatial_shift, (np.random.default_rng(0).normal(size=(2, 3, 4, 6)),), tmp_path)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5, 6)])
def test_errors(shape):
    with pytest.raises(ValueError, match="channels"):
        spatial_shift(np.ones(shape))
