"""Every public layer, on a loader with XLA disabled, as a stock TF Serving is."""

import numpy as np
import pytest
from harness.joined import joined, parts_of
from harness.layer_cases import PUBLIC, all_cases
from harness.sample import cases_of_this_run

from keras_hadamard import serving

CASES = cases_of_this_run()


# The time to save a model grows with the square of its size.
PARTS = parts_of(CASES, 28)


def test_every_public_layer_is_here():
    assert {name.split("-")[0] for name in CASES} == set(PUBLIC)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_models_with_every_layer_run_on_a_stock_server(one_loader, tmp_path, part):
    model = joined(part)
    serving.export(model, tmp_path)
    report = serving.check(tmp_path, model)
    assert report.ok, str(report)


def test_a_model_trained_under_xla_is_served_without(tmp_path):
    case = all_cases()["MinGRU-sequences"]
    model = case.model(dynamic=True)
    model.compile("adam", "mse", jit_compile=True)
    x = case.inputs(batch=4)
    model.fit(x, np.zeros(model(x).shape), verbose=0)
    serving.export(model, tmp_path)
    report = serving.check(tmp_path, model)
    assert report.ok, str(report)
