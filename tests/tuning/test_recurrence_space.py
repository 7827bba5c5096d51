import math
import re

import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard import layers, tuning
from keras_hadamard.tuning.recurrence_space import recurrences

SPACE = recurrences(False)
LAYERS = {
    "gru": keras.layers.GRU,
    "lstm": keras.layers.LSTM,
    "min_gru": layers.MinGRU,
    "min_lstm": layers.MinLSTM,
    "hgrn": layers.HGRN,
    "rglru": layers.RGLRU,
    "qrnn": layers.QRNN,
    "sru": layers.SRU,
    "multiplicative_lstm": layers.MultiplicativeLSTM,
}


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


@pytest.mark.parametrize("kind", SPACE.options)
def test_every_family(kind):
    hp = drawn(recurrence=kind)
    layer = tuning.recurrence_space(hp, units=6)
    assert layer.name == "recurrence"
    assert layer(keras.ops.ones((2, 5, 7))).shape == (2, 6)
    assert isinstance(layer.layers[0], LAYERS[kind])
    active = {p.name for p in hp.space if hp.is_active(p)}
    uses = SPACE.options[kind].uses
    assert active == set(hp.values) == {"recurrence", *(f"recurrence_{name}" for name in uses)}


def test_the_default_is_one_gru():
    hp = drawn()
    layer = tuning.recurrence_space(hp)
    assert [type(part) for part in layer.layers] == [keras.layers.GRU, keras.layers.Dense]
    assert hp.values["recurrence"] == "gru" and layer.layers[0].units == 64


def test_drawn_values_reach_the_layers():
    hp = drawn(recurrence="hgrn", recurrence_width=32, recurrence_depth=4, recurrence_expansion=1.5)
    layer = tuning.recurrence_space(hp, units=6, return_sequences=True)
    assert layer(keras.ops.ones((2, 5, 7))).shape == (2, 5, 6)
    mixers = [part for part in layer.layers if isinstance(part, layers.HGRN)]
    assert [m.units for m in mixers] == [48] * 4
    assert [m.lower_bound for m in mixers] == [[0, 0.25], [0.25, 0.5], [0.5, 0.75], [0.75, 1]]
    assert [part.units for part in layer.layers[1::2]] == [32, 32, 32, 6]


@pytest.mark.parametrize("return_sequences", [False, True])
def test_a_mask_reaches_every_layer(return_sequences, tmp_path):
    hp = drawn(recurrence="min_gru", recurrence_depth=2, recurrence_expansion=2.0)
    layer = tuning.recurrence_space(hp, units=6, return_sequences=return_sequences)
    inputs = keras.Input((None, 7))
    y = layer(keras.layers.Masking()(inputs))
    assert (getattr(y, "_keras_mask", None) is not None) == return_sequences
    y = keras.layers.GlobalAveragePooling1D()(y) if return_sequences else y
    keras.Model(inputs, y).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, 5, 7)).astype("float32")
    padded = np.concatenate([x, np.zeros((2, 3, 7), "float32")], axis=1)
    np.testing.assert_allclose(model(padded), model(x), atol=1e-6)


def test_one_call_declares_every_conditional_parameter():
    hp = drawn()
    tuning.recurrence_space(hp, name="memory")
    names = {p.name for p in hp.space}
    assert names == {"memory", *(f"memory_{p}" for p in SPACE.parameters)}


def test_the_docstring_tells_the_number_of_configurations():
    told = re.findall(r"(\d+)`\s+configurations", tuning.recurrence_space.__doc__)
    counted = sum(
        math.prod(len(SPACE.parameters[name].values) for name in option.uses)
        for option in SPACE.options.values()
    )
    assert [int(number) for number in told] == [counted]


@pytest.mark.parametrize("include", [(), ("elman",)])
def test_include_must_name_something(include):
    with pytest.raises(ValueError, match="include"):
        tuning.recurrence_space(drawn(), include=include)
