"""Forward-mode derivatives of every layer, against central differences in float64."""

import keras
import pytest
from harness.forward_mode import differences, gradient_of, jvp, tangents_of
from harness.forward_mode import shared_traces as shared_traces
from harness.layer_functions import FIRST, function_of
from harness.op_checks import assert_near

STEP, TOLERANCE = 1e-6, 1e-7


@pytest.fixture(autouse=True)
def _float64(shared_traces):
    keras.config.set_dtype_policy("float64")


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
