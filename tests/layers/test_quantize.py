"""`model.quantize` of every layer, before it was ever called, and of what was saved after it."""

import contextlib
import gc

import keras
import numpy as np
import pytest
from harness.joined import inputs_of, joined, parts_of
from harness.sample import cases_of_this_run
from harness.versions import needs

from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard.config import eager_compile_scope
from keras_hadamard.layers import FactorizationMachine
from keras_hadamard.layers._kernels import effective_kernel

# Keras says of each layer without kernels that it is left as it is.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method"),
    needs("keras", "3.15", "its quantisation configurations"),
]
CASES = cases_of_this_run()
QUANTISED = (keras.layers.Dense, keras.layers.EinsumDense, keras.layers.Embedding)


def dense_layers(layer):
    """The layers inside that Keras quantises: it does not quantise subclasses of its own."""
    return [inner for inner in all_layers(layer) if type(inner) in QUANTISED]


def _quantisable(case):
    layer = case.build()
    shapes = [(None, *shape) for shape in case.shapes]
    layer.build(shapes if case.many else shapes[0])
    return bool(dense_layers(layer))


# With LoRA the stored kernel is not all that a layer computes with.
PLAIN = {name: case for name, case in CASES.items() if "lora_rank" not in case.kwargs}


@pytest.fixture(autouse=True)
def _no_collection_for_each_kernel(monkeypatch):
    """Keras looks through all objects that there are for each kernel that it replaces."""
    monkeypatch.setattr(gc, "collect", lambda *args: 0)


@pytest.fixture(scope="module", params=parts_of(PLAIN, 80), ids=str)
def part(request):
    """Some of the cases, a model of them, and its outputs."""
    some = request.param
    cases = {name: case for name, case in some.items() if _quantisable(case)}
    assert len(cases) > len(some) / 2
    plain = scrambled(joined(cases))
    return cases, plain, outputs_of(plain, cases)


def scrambled(model):
    """Weights, biases and gates that all count: neither zero nor one nor alike."""
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        value = np.asarray(variable)
        scale = max(0.1 * float(value.std()), 0.05)
        variable.assign(value + scale * rng.normal(size=value.shape).astype(value.dtype))
    return model


def quantised(plain, cases, mode):
    model = joined(cases)
    model.set_weights(plain.get_weights())
    model.quantize(**({"mode": mode} if isinstance(mode, str) else {"config": mode}))
    return model


def outputs_of(model, cases):
    with eager_compile_scope(False):
        return {name: np.asarray(y) for name, y in model(inputs_of(cases, 16)).items()}


def off(got, expected, allowed):
    """The outputs that are off by more than is allowed of the root of their mean square."""
    errors = {
        name: float(np.sqrt(np.mean((got[name] - y) ** 2) / max(np.mean(y**2), 1e-30)))
        for name, y in expected.items()
    }
    return {name: error for name, error in errors.items() if not error <= allowed}


@contextlib.contextmanager
def with_kernels_of(model, plain, kernel_of):
    """Within, the plain model has the kernels that the quantised one is to compute with."""
    kept = plain.get_weights()
    for rounded, layer in zip(dense_layers(model), dense_layers(plain), strict=True):
        assert rounded.quantization_mode and layer.quantization_mode is None
        kernel = kernel_of(rounded)
        if kernel is not None:
            layer._kernel.assign(np.reshape(kernel, layer._kernel.shape))
    yield
    plain.set_weights(kept)


def test_layers_compute_with_the_quantised_kernels(part, tmp_path):
    """Where activations are not rounded, a layer is that of the kernels, to the last digits."""
    cases, plain, _ = part
    model = quantised(
        plain, cases, keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    )
    got = outputs_of(model, cases)
    with with_kernels_of(
        model, plain, lambda layer: np.asarray(layer._kernel) / np.asarray(layer.kernel_scale)
    ):
        wrong = off(got, outputs_of(plain, cases), 1e-5)
    # The scales of an EinsumDense go with other axes than the last.
    assert {name.split("_")[0] for name in wrong} <= {"RGLRU"}, wrong
    model.save(tmp_path / "m.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for again in (keras.models.load_model(tmp_path / "m.keras"), clone):
        assert not off(outputs_of(again, cases), got, 0.0)


def test_int4_leaves_activations_as_they_are(part):
    cases, plain, _ = part
    model = quantised(plain, cases, "int4")

    def computed(layer):
        activation, layer.activation = layer.activation, None
        kernel = effective_kernel(layer) if type(layer) is keras.layers.Dense else None
        layer.activation = activation
        return kernel

    got = outputs_of(model, cases)
    with with_kernels_of(model, plain, computed):
        wrong = off(got, outputs_of(plain, cases), 1e-5)
    # An EinsumDense has no unit vectors to read its kernel from.
    assert {name.split("_")[0] for name in wrong} <= {"RGLRU"}, wrong


# `keras.layers.Dense` is off by 0.5 % and 4 %, and layers have several, one after another.
@pytest.mark.parametrize(("mode", "allowed"), [("int8", 0.15), ("float8", 0.35)])
def test_rounded_activations(part, mode, allowed):
    cases, plain, expected = part
    wrong = off(outputs_of(quantised(plain, cases, mode), cases), expected, allowed)
    # It normalises pooled products, which are small beside their rounding here.
    assert set(wrong) <= {"PolySelfAttention_heads"}, wrong


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_many_features_and_few_factors(mode):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((64,))
    model = keras.Model(inputs, FactorizationMachine(8)(inputs))
    x = np.random.default_rng(0).normal(size=(32, 64)).astype("float32")
    expected = np.asarray(model(x))
    model.quantize(mode)
    assert np.abs(model(x) - expected).max() < 0.2 * np.abs(expected).max()


def test_an_effective_kernel_has_the_bias_and_the_adapter_in_mind():
    dense = keras.layers.Dense(6, bias_initializer="ones")
    dense.build((None, 5))
    before = np.asarray(dense.kernel)
    np.testing.assert_array_equal(effective_kernel(dense), before)
    dense.quantize("int8")
    np.testing.assert_allclose(effective_kernel(dense), before, atol=np.abs(before).max() / 127)
    dense.enable_lora(2)
    dense.lora_kernel_a.assign(np.ones((5, 2)))
    dense.lora_kernel_b.assign(np.ones((2, 6)))
    # Off by half a step of int8, of which there are 127 up to the greatest number.
    step = np.abs(before).max() / 127
    np.testing.assert_allclose(effective_kernel(dense), before + 2, atol=step)
