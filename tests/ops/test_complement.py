"""The root of what a decay leaves, whose slope where the decay is one is the point."""

import numpy as np
import pytest
from harness.op_checks import MODES, check_forward, check_gradients, check_symbolic, gradients

from keras_hadamard.ops._complement import root_of_complement


def test_equals_its_equation_with_gradients():
    log_a = np.array([[-4.0, -0.3, -0.2], [-0.5, -2.5, -30.0]])
    expected = np.sqrt(-np.expm1(2 * log_a))
    check_forward(root_of_complement, (log_a,), expected)
    check_gradients(root_of_complement, (log_a,))


def test_in_functional_models(tmp_path):
    log_a = -np.abs(np.random.default_rng(0).normal(size=(2, 3, 4)))
    check_symbolic(root_of_complement, (log_a,), tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_the_slope_is_zero_where_the_decay_is_one_and_exact_beside_it(mode):
    (grad,) = gradients(root_of_complement, np.array([0.0, -1e-12, -40.0]), mode=mode)
    assert grad[0] == 0
    # Far from one the decay itself remains, which a difference would have lost.
    np.testing.assert_allclose(grad[1:], [-1 / np.sqrt(2e-12), -np.exp(-80)], rtol=1e-6)
