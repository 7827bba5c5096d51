"""The gated product with its projection, against the equation."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import check_forward, check_gradients, check_symbolic

from keras_hadamard.ops._glu_matmul import glu_matmul

GATES = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    None: lambda x: x,
}


def tensors(*lead):
    rng = np.random.default_rng(0)
    # Numbers that the 16-bit types hold too.
    sizes = [(*lead, 4), (*lead, 4), (4, 5)]
    return [rng.integers(-16, 16, size) / 16 for size in sizes]


@pytest.mark.parametrize("activation", GATES)
@pytest.mark.parametrize("lead", [(3,), (2, 3)])
def test_equals_its_equation_with_gradients(activation, lead):
    value, gate, kernel = tensors(*lead)
    expected = (value * GATES[activation](gate)) @ kernel
    check_forward(glu_matmul, (value, gate, kernel), expected, activation=activation)
    check_gradients(glu_matmul, (value, gate, kernel), activation=activation)


def test_in_functional_models(tmp_path):
    value, gate, _ = tensors(3, 4)
    kernel = np.random.default_rng(1).normal(size=(4, 5)).astype("float32")

    def op(value, gate):
        return glu_matmul(value, gate, tf.constant(kernel, value.dtype), activation="silu")

    check_symbolic(op, (value, gate), tmp_path)


@pytest.mark.parametrize("sizes", [((3, 4), (3, 5), (4, 2)), ((3, 4), (3, 4), (5, 2))])
def test_shapes_that_do_not_fit(sizes):
    with pytest.raises(ValueError, match="Received: shapes"):
        glu_matmul(*(np.ones(size, "float32") for size in sizes))
