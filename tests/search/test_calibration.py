"""A temperature undoes what made probabilities too sure."""

import keras
import numpy as np
import pytest

from keras_hadamard.search.calibration import TemperatureScaling, fit_temperature

rng = np.random.default_rng(0)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_temperature_is_found(task, temperature):
    logits = rng.normal(size=(20_000, 3)) * 2
    if task == "multilabel":
        true = 1 / (1 + np.exp(-logits))
        targets = (rng.uniform(size=true.shape) < true).astype("int32")
        sure = 1 / (1 + np.exp(-logits * temperature))
    else:
        true = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        targets = (true.cumsum(-1) < rng.uniform(size=(len(true), 1))).sum(-1)
        sure = true**temperature / (true**temperature).sum(-1, keepdims=True)
    assert fit_temperature(task, targets, sure) == pytest.approx(temperature, rel=0.05)


def test_certainties_stay_finite_and_order_stays():
    p = np.array([[1.0, 0.0, 0.0], [0.2, 0.5, 0.3]], "float32")
    scaled = keras.ops.convert_to_numpy(TemperatureScaling(2.0)(p))
    assert np.isfinite(scaled).all() and (scaled.argmax(-1) == p.argmax(-1)).all()
    np.testing.assert_allclose(scaled.sum(-1), 1, rtol=1e-6)


def test_it_is_saved_with_its_temperature(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, TemperatureScaling(2.5, multilabel=True)(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[-1].temperature == 2.5 and again.layers[-1].multilabel
