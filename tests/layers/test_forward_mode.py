"""Forward-mode derivatives of every layer, against central differences in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.forward_mode import differences, gradient_of, jvp, tangents_of
from harness.forward_mode import shared_traces as shared_traces
from harness.layer_cases import all_cases
from harness.op_checks import assert_near
from harness.support import first_cases

FIRST = {name: case for name, case in first_cases(all_cases()).items() if case.integers is None}
STEP, TOLERANCE = 1e-6, 1e-7


@pytest.fixture(autouse=True)
def _float64(shared_traces):
    keras.config.set_dtype_policy("float64")


def function_of(name):
    """The layer as a function of inputs and weights, and these.

    The weights are away from what is special in how they start.
    """
    case = FIRST[name]
    layer = case.build(**{k: 0.0 for k in case.kwargs if "drop" in k} | case.steady)
    inputs = [tf.constant(array, "float64") for array in case.arrays()]
    # A mask has steps, and no slopes.
    inputs, masks = (inputs[:1], inputs[1:]) if name == "PartialConv2D" else (inputs, [])
    layer([*inputs, *masks] if case.many else inputs[0])
    rng = np.random.default_rng(4)
    weights = [
        tf.constant(v + 0.1 * rng.normal(size=v.shape), "float64")
        for v in layer.trainable_variables
    ]

    def function(*tensors):
        x, given = [*tensors[: len(inputs)], *masks], tensors[len(inputs) :]
        pairs = zip(layer.trainable_variables, given, strict=True)
        with keras.StatelessScope(state_mapping=list(pairs)):
            return layer(x if case.many else x[0])

    return function, [*inputs, *weights]


def check(function, primals):
    tangents = tangents_of(primals)
    expected = differences(function, primals, tangents, STEP)
    for got, wanted in zip(jvp(function, primals, tangents), expected, strict=True):
        assert_near(got, wanted, TOLERANCE)


@pytest.mark.parametrize("name", FIRST)
def test_every_layer(name):
    check(*function_of(name))


# With a product of branches, a scan, an FFT, a softmax, a normalisation and a mask.
CURVED = ["MLB", "GatedMLP", "MinGRU", "HyenaOperator", "AFT", "FiLM", "FactorizationMachine"]


@pytest.mark.parametrize("name", CURVED)
def test_hessian_vector_products(name):
    function, primals = function_of(name)
    check(gradient_of(function), primals)
