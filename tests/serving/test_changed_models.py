"""Models that were quantized, pruned or adapted are exported, and answer as they do here."""

import keras
import numpy as np
import pytest

from keras_hadamard import adapters, pruning, serving
from keras_hadamard.layers import GatedDense

# Keras says it of each layer that has no weights of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")


def network():
    inputs = keras.Input((8, 8, 3), name="picture")
    x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = GatedDense(16)(x)
    model = keras.Model(inputs, keras.layers.Dense(4, name="score")(x))
    for index, weight in enumerate(model.trainable_weights):
        noise = np.random.default_rng(index).normal(0, 0.3, weight.shape)
        weight.assign_add(noise.astype("float32"))
    return model


def quantized(mode):
    model = network()
    model.quantize(mode)
    return model


def with_lora():
    model = network()
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense | GatedDense):
            layer.enable_lora(2)
    for variable in model.trainable_weights:
        if "lora" in variable.path:
            variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    return model


def pruned(**how):
    return pruning.prune(network(), 0.5, **how)


def adapted(name):
    model = adapters.apply(network(), getattr(adapters, name)(2))
    for index, weight in enumerate(model.trainable_weights):
        noise = np.random.default_rng(index).normal(0, 0.3, weight.shape)
        weight.assign_add(noise.astype("float32"))
    return model


MADE = {
    "int8": lambda: quantized("int8"),
    "int4": lambda: quantized("int4"),
    "float8": lambda: quantized("float8"),
    "Keras's LoRA": with_lora,
    "Keras's LoRA in int8": lambda: (m := with_lora(), m.quantize("int8"))[0],
    "pruned": pruned,
    "pruned 2:4": lambda: pruned(structure="2:4"),
    "pruned filters": lambda: pruned(structure="filter"),
    "stripped": lambda: pruning.strip(pruned()),
    **{f"adapted by {name}": lambda name=name: adapted(name) for name in ("LoRA", "DoRA", "LoHa")},
    "merged": lambda: adapters.merge(adapted("LoRA")),
}


@pytest.mark.parametrize("name", MADE)
def test_exported_and_checked(tmp_path, one_loader, name):
    model = MADE[name]()
    x = np.random.default_rng(1).normal(size=(5, 8, 8, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(x))
    serving.export(model, tmp_path, examples={"picture": x})
    report = serving.check(tmp_path, model)
    assert report.ok, report
    outputs = next(item for item in report.items if item.name == "outputs")
    assert outputs.passed is True and "score" in outputs.detail
    # The changes say something: the plain network answers otherwise.
    plain = keras.ops.convert_to_numpy(network()(x))
    assert np.abs(expected - plain).max() > 1e-4
