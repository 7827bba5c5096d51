"""glu against its equation, for every gate the field has a name for."""

import math

import numpy as np
import pytest
from harness.op_checks import MODES, check_forward, check_gradients, check_symbolic, gradients

from keras_hadamard.ops import glu

erf = np.vectorize(math.erf)
GATES = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    None: lambda x: x,
}


@pytest.mark.parametrize("activation", GATES)
def test_equals_its_equation_with_gradients(activation):
    rng = np.random.default_rng(0)
    value, gate = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    expected = value * GATES[activation](gate)
    check_forward(glu, (value, gate), expected, activation=activation)
    check_gradients(glu, (value, gate), activation=activation)


@pytest.mark.parametrize("activation", ["gelu", None])
def test_in_functional_models(tmp_path, activation):
    rng = np.random.default_rng(0)
    tensors = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    check_symbolic(glu, tensors, tmp_path, activation=activation)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("activation", GATES)
def test_gradients_far_out(mode, activation):
    extreme = np.array([-1e4, -50.0, 0.0, 50.0, 1e4])
    for grad in gradients(glu, np.ones(5), extreme, mode=mode, activation=activation):
        assert np.isfinite(grad).all()


def test_errors():
    with pytest.raises(ValueError, match="the same shape"):
        glu(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="the name of an activation"):
        glu(np.ones((2, 3)), np.ones((2, 3)), activation="nonsense")
    with pytest.raises(ValueError, match="floating"):
        glu(np.ones((2, 3), int), np.ones((2, 3), int))
