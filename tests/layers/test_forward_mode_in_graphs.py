"""Forward-mode derivatives of every layer inside a graph, against central differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.forward_mode import differences, jvp, jvp_in, tangents_of
from harness.forward_mode import shared_traces as shared_traces
from harness.layer_functions import FIRST, function_of
from harness.op_checks import assert_near

# Keras's loop over steps stores them in a list, which TensorFlow cannot follow forward inside of a
# graph.
REFUSED = ["MultiplicativeLSTM"]
FOLLOWED = [name for name in FIRST if name not in REFUSED]
# A graph of many layers is one program.
PARTS = {f"part {i}": FOLLOWED[i::8] for i in range(8)}
STEP, TOLERANCE = 1e-6, 1e-7


@pytest.fixture(autouse=True)
def _float64(shared_traces):
    keras.config.set_dtype_policy("float64")


def fresh(name):
    # The weights of a layer do not depend on who stands before it.
    keras.utils.set_random_seed(0)
    return function_of(name)


@pytest.mark.parametrize("part", PARTS)
def test_every_layer(part):
    made = {name: fresh(name) for name in PARTS[part]}
    primals = {name: given for name, (_, given) in made.items()}
    tangents = {name: tangents_of(given) for name, given in primals.items()}

    @tf.function(autograph=False)
    def products(primals, tangents):
        return {n: jvp(function, primals[n], tangents[n]) for n, (function, _) in made.items()}

    found = products(primals, tangents)
    for name, (function, given) in made.items():
        expected = differences(function, given, tangents[name], STEP)
        assert any(np.any(value) for value in expected), name
        for got, wanted in zip(found[name], expected, strict=True):
            assert_near(got, wanted, TOLERANCE, name)


def summed(x):
    """The sums of what came before each step, as Keras scans."""
    steps = keras.ops.transpose(x, (1, 0, 2))
    start = keras.ops.zeros_like(steps[0])
    return keras.ops.scan(lambda sums, step: (sums + step, sums), start, steps)[0]


def of_keras(name):
    function = summed if name == "scan" else getattr(keras.layers, name)(4)
    inputs = tf.ones((3, 6, 5), "float64")
    # A layer makes its weights outside of the graph.
    function(inputs)
    return function, [inputs]


@pytest.mark.parametrize("name", [*REFUSED, "LSTM", "GRU", "scan"])
def test_a_loop_of_keras_is_refused_inside_a_graph_and_never_zero(name):
    """The same error for its own layers; from around a graph they have derivatives."""
    function, primals = fresh(name) if name in REFUSED else of_keras(name)
    tangents = tangents_of(primals)
    with pytest.raises(TypeError, match=r"variant.*is not compatible with"):
        jvp_in("graph inside", function, primals, tangents)
    expected = differences(function, primals, tangents, STEP)
    found = jvp_in("graph outside", function, primals, tangents)
    for got, wanted in zip(found, expected, strict=True):
        assert_near(got, wanted, TOLERANCE)
