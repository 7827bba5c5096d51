"""Latency beside score and parameters: measured, recorded, weighed and shown."""

import csv
import json
import math

import numpy as np
import pytest

from keras_hadamard.search import SearchError, SearchSettings
from keras_hadamard.search.latency import latency
from keras_hadamard.search.pareto import milliseconds, pareto, size
from keras_hadamard.search.trainings import Trial
from keras_hadamard.tuning import HyperMultimodal

SLOW = {"hadamard": 4.0, "mlb": 16.0, "mfb": 64.0}


def trial(number, score, parameters, ms, weight=0.0, objective="accuracy"):
    return Trial(
        status="completed",
        configuration={},
        seed=0,
        objective=objective,
        score=score,
        parameters=parameters,
        seconds=1.0,
        epochs=1,
        curve=[score],
        latency=ms,
        latency_weight=weight,
        number=number,
    )


def test_twice_the_latency_costs_the_weight():
    assert trial(1, 0.5, 1, 8.0).value == 0.5
    assert trial(1, 0.5, 1, 8.0, 0.01).value == pytest.approx(0.5 - 0.03)
    quick, slow = (trial(1, 0.5, 1, ms, 0.01).value for ms in (3.0, 6.0))
    assert quick - slow == pytest.approx(0.01)
    assert trial(1, None, 1, 8.0, 0.01).value is None
    assert trial(1, 0.5, 1, None, 0.01).value == 0.5


def test_less_of_an_error_is_more():
    assert trial(1, 3.0, 1, 8.0, 0.01, "rmse").value == pytest.approx(-3.03)
    trials = [trial(1, 3.0, 10, 1.0, objective="mae"), trial(2, 2.0, 20, 1.0, objective="mae")]
    assert [t.number for t in pareto([*trials, trial(3, 2.5, 30, 1.0, objective="mae")])] == [1, 2]


def test_the_pareto_front_of_three_objectives():
    trials = [
        trial(1, 0.5, 10, 9.0),
        trial(2, 0.5, 20, 1.0),  # larger and no better, but faster
        trial(3, 0.5, 20, 2.0),
        trial(4, 0.7, 30, 9.0),
        trial(5, 0.7, 30, 9.0),
    ]
    assert [t.number for t in pareto(trials)] == [1, 2, 4]
    assert [t.number for t in pareto(trials, size)] == [1, 4]
    assert [t.number for t in pareto(trials, milliseconds)] == [2, 4]


@pytest.mark.parametrize("weight", [0.0, 0.2])
def test_the_search_weighs_it(go, formula, tmp_path, weight):
    formula.latency = lambda c: SLOW.get(c["fusion"], 1.0)
    run, printed = go(max_trials=12, latency_weight=weight)
    trials = json.loads((tmp_path / "run" / "trials.json").read_text())["trials"]
    assert all(t["latency"] == SLOW.get(t["configuration"]["fusion"], 1.0) for t in trials)
    rows = list(csv.DictReader((tmp_path / "run" / "trials.csv").read_text().splitlines()))
    assert [float(row["latency"]) for row in rows] == [t["latency"] for t in trials]
    best = run.best.trial
    values = {t.number: (t.score or 0) - weight * math.log2(t.latency) for t in run.records.trials}
    assert best.number == max(values, key=values.get)
    # With a weight the slow ones lose what they win by.
    assert (best.configuration["fusion"] in SLOW) == (weight == 0)
    assert ("for each doubling of the milliseconds" in printed) == (weight > 0)
    assert f"{best.latency:.2f} ms for one example" in printed
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Score against milliseconds of one example" in page
    assert ">milliseconds<" in page


def test_it_is_measured_on_a_model():
    inputs = {"extra": {"kind": "vector", "shape": (4,)}}
    import keras_tuner

    model = HyperMultimodal(inputs, 3, units=8).build(keras_tuner.HyperParameters())
    measured = latency(model, {"extra": np.ones((5, 4), "float32")})
    assert 0.01 < measured < 5_000


@pytest.mark.parametrize("weight", [-0.1, math.inf, math.nan, "1", True])
def test_wrong_weights(weight):
    with pytest.raises(SearchError, match="latency_weight"):
        SearchSettings("digits_vqa", latency_weight=weight)
