"""One resolver of activation names, which every layer uses."""

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.layer_cases import PUBLIC, all_cases

from keras_hadamard import activations

CASES = all_cases()
# By which name an argument takes an activation, for the layers that have one.
ARGUMENTS = [
    (name, argument)
    for name, layer in sorted(PUBLIC.items())
    for argument in inspect.signature(layer.__init__).parameters
    if argument.endswith("activation")
]


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
@pytest.mark.parametrize("activation", ["gelu_tanh", "gelu", "min_gru_g", "quick_gelu", "sin"])
def test_every_layer_takes_every_name(name, argument, activation):
    layer = CASES[name].build(**{argument: activation})
    config = layer.get_config()
    assert config[argument] == activation
    assert type(layer).from_config(config).get_config() == config
    if hasattr(layer, argument):
        assert getattr(layer, argument) is activations.get(activation)


def test_most_layers_have_an_activation():
    assert len({name for name, _ in ARGUMENTS}) > 45


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_named_functions_keep_their_digits(dtype):
    epsilon = np.finfo(dtype).eps
    x = np.concatenate([-np.geomspace(1e-6, 5, 50), np.geomspace(1e-6, 30, 50)])
    x = x.astype(dtype).astype("float64")
    phi = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])
    u = math.sqrt(8 / math.pi) * x * (1 + 0.044715 * x * x)
    expected = {
        "gelu": x * phi,
        "gelu_tanh": x / (1 + np.exp(-u)),
        "min_gru_g": np.where(x >= 0, x + 0.5, 1 / (1 + np.exp(-x))),
        "quick_gelu": x / (1 + np.exp(-1.702 * x)),
        "sin": np.sin(x),
    }
    for name, reference in expected.items():
        for compiled in (False, True):
            function = tf.function(activations.get(name), jit_compile=compiled, autograph=False)
            got = function(tf.constant(x, dtype)).numpy().astype("float64")
            # Rounding of an exponent of 40 is forty times that of the function.
            np.testing.assert_allclose(got, reference, rtol=100 * epsilon, err_msg=name)


def test_kerass_gelu_is_the_exact_one():
    assert activations.get(keras.activations.gelu) is activations.gelu
    assert activations.serialize(activations.get(keras.activations.gelu)) == "gelu"
    assert activations.get(None) is keras.activations.linear
    assert activations.serialize(activations.get("relu")) == "relu"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gelu_tan", r"did you mean 'gelu_tanh'"),
        ("rellu", r"did you mean 'relu'"),
        ("swiglu", r"GatedMLP.*activation='silu'.*Received: activation='swiglu'"),
        ("GLU", "activation='sigmoid'"),
        ("bilinear", "activation=None"),
        (3, "Received: activation=3"),
    ],
)
def test_unknown_names_say_what_to_write(name, message):
    with pytest.raises(ValueError, match=message):
        activations.get(name)
