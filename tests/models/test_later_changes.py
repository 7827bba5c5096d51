"""Changes to a published network after it was made: quantising, freezing, cloning."""

import gc
import inspect

import keras
import numpy as np
import pytest
from harness.tiny_models import TINY

from keras_hadamard import models
from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard.config import eager_compile_scope

# Keras says of each layer without kernels that it is left as it is, as embeddings are in float8.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method"),
    pytest.mark.filterwarnings("ignore:Invalid quantization mode"),
]
EVERY = pytest.mark.parametrize("name", sorted(TINY))


@pytest.fixture(autouse=True)
def _no_collection_for_each_kernel(monkeypatch):
    """Keras looks through all objects that there are for each kernel that it replaces."""
    monkeypatch.setattr(gc, "collect", lambda *args: 0)


def make(name):
    """With scores and not probabilities, which may jump from 0 to 1."""
    keras.utils.set_random_seed(1)
    kind = getattr(models, name.split("-")[0])
    scores = {"classifier_activation": None}
    known = "classifier_activation" in inspect.signature(kind.__init__).parameters
    return kind(**TINY[name].kwargs | (scores if known else {}))


def outputs(model, name):
    with eager_compile_scope(False):
        return np.concatenate([np.ravel(y) for y in keras.tree.flatten(model(inputs(name)))])


def inputs(name):
    return TINY[name].inputs(4)


def rounded(model):
    return [layer for layer in all_layers(model) if layer.quantization_mode is not None]


@pytest.fixture(scope="module", params=sorted(TINY))
def network(request):
    """The name of a network, and what it gives as it was made."""
    return request.param, outputs(make(request.param), request.param)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_quantised_before_a_call_and_loaded(network, mode, tmp_path):
    name, expected = network
    model = make(name)
    model.quantize(mode)
    got = outputs(model, name)
    assert np.isfinite(got).all()
    scale = np.sqrt(np.mean(expected**2))
    # Before training float8 has no scales: `keras.layers.Dense` clips its inputs at 448, which
    # networks without normalisation go beyond. Networks of only convolutions are as they were.
    if mode != "float8":
        allowed = {"int8": 0.1, "int4": 0.6}[mode]
        assert np.sqrt(np.mean((got - expected) ** 2)) <= allowed * scale
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert len(rounded(again)) == len(rounded(model))
    np.testing.assert_array_equal(outputs(again, name), got)


@EVERY
def test_frozen_layers_are_frozen_once_loaded_or_cloned(name, tmp_path):
    model = make(name)
    everything = len(model.trainable_variables)
    layer = next(layer for layer in model.layers if layer.trainable_variables)
    layer.trainable = False
    some = len(model.trainable_variables)
    assert some < everything
    model.save(tmp_path / "some.keras")
    assert len(keras.models.load_model(tmp_path / "some.keras").trainable_variables) == some
    model.trainable = False
    model.save(tmp_path / "all.keras")
    again = keras.models.load_model(tmp_path / "all.keras")
    assert not again.trainable and not again.trainable_variables
    # As Keras has it, this gives back what the network itself had frozen too.
    again.trainable = model.trainable = True
    assert len(again.trainable_variables) == len(model.trainable_variables) >= everything


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_a_policy_is_kept_in_the_file(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model = make("StarNet")
    expected = outputs(model, "StarNet")
    model.save(tmp_path / "m.keras")
    keras.config.set_dtype_policy("float32")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert keras.config.dtype_policy().name == "float32"
    assert [layer.dtype_policy.name for layer in again.layers] == [
        layer.dtype_policy.name for layer in model.layers
    ]
    np.testing.assert_array_equal(outputs(again, "StarNet"), expected)


def test_what_a_network_fixes_itself_is_in_its_configuration_once_it_is_thawed(tmp_path):
    model = make("DPolyNet")
    assert "sublayers" not in model.get_config()
    fixed = [layer for layer in all_layers(model)[1:] if not layer.trainable]
    assert fixed
    for layer in fixed:
        layer.trainable = True
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert all(layer.trainable for layer in all_layers(again))
    assert len(again.trainable_variables) == len(model.trainable_variables)
