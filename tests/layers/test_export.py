"""Every public layer, on a loader with XLA disabled, as a stock TF Serving is."""

import keras
import numpy as np
import pytest
from harness.layer_cases import PUBLIC, all_cases

from keras_hadamard import serving

CASES = all_cases()


# The time to save a model grows with the square of its size.
PARTS = 10


def part_of_all(part):
    """A model with every tenth case of the layers, each with inputs of its own."""
    inputs, outputs = [], {}
    for name in list(CASES)[part::PARTS]:
        case = CASES[name]
        tensors = [
            keras.Input(shape, name=f"{name.replace('-', '_')}_{i}", dtype=case.dtype)
            for i, shape in enumerate(case.shapes)
        ]
        inputs += tensors
        outputs[name.replace("-", "_")] = case.build()(tensors if case.many else tensors[0])
    return keras.Model(inputs, outputs)


def test_every_public_layer_is_here():
    assert {name.split("-")[0] for name in CASES} == set(PUBLIC)


@pytest.mark.parametrize("part", range(PARTS))
def test_models_with_every_layer_run_on_a_stock_server(one_loader, tmp_path, part):
    model = part_of_all(part)
    serving.export(model, tmp_path)
    report = serving.check(tmp_path, model)
    assert report.ok, str(report)


def test_a_model_trained_under_xla_is_served_without(tmp_path):
    case = CASES["MinGRU-sequences"]
    model = case.model(dynamic=True)
    model.compile("adam", "mse", jit_compile=True)
    x = case.inputs(batch=4)
    model.fit(x, np.zeros(model(x).shape), verbose=0)
    serving.export(model, tmp_path)
    report = serving.check(tmp_path, model)
    assert report.ok, str(report)
