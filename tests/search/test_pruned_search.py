"""Pruning in a search: what is scored, what is left, and what the report says of it."""

import json

import keras
import keras_tuner
import pytest

from keras_hadamard import pruning, tuning
from keras_hadamard.search.training import settled, train


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values.update(values)
    return hp


@pytest.fixture
def pruned(problem):
    """The problem of a search that prunes, in trainings of five epochs."""
    return problem(spaces=("pruning",), batch_size=10, epochs=5)


HOW = {"seed": 1, "limits": {}, "on_epoch": lambda epoch, best: None}


def test_a_training_is_scored_when_it_is_as_sparse_as_it_becomes(pruned):
    searched, data = pruned.hypermodel, pruned.data
    configuration = {
        "pruning": "magnitude",
        "pruning_schedule": "polynomial",
        "pruning_scope": "global",
        "pruning_sparsity": 0.9,
    }
    outcome = train(pruned, configuration, epochs=5, **HOW)
    result, model = outcome.result, outcome.model
    steps = -(-len(data.train.targets) // 10)
    first = settled(searched.build(drawn(**configuration)), steps)
    assert 0 < first < 5 and result["score"] == max(result["curve"][first:])
    # What is left is a plain model, as sparse as was asked for, and compiled.
    report = pruning.sparsity_report(model)
    assert type(model).__name__ == "Functional" and report.sparsity == pytest.approx(0.9, abs=0.01)
    assert result["nonzero"] == report.nonzero < result["parameters"] == model.count_params()
    score = model.evaluate(data.validation.inputs, data.validation.targets, verbose=0)[1]
    assert score == pytest.approx(result["score"])
    # A training that is cut short is no failure.
    short = train(pruned, configuration, epochs=1, **HOW)
    assert short.result["status"] == "completed" and len(short.result["curve"]) == 1


@pytest.mark.parametrize(
    "configuration",
    [
        {"pruning": "rigl", "pruning_distribution": "erk", "pruning_sparsity": 0.75},
        {"pruning": "str", "pruning_threshold": -3.0},
    ],
    ids=lambda configuration: configuration["pruning"],
)
def test_a_search_trains_and_strips_them(pruned, configuration):
    data = pruned.data
    outcome = train(pruned, configuration, epochs=2, **HOW)
    result, model = outcome.result, outcome.model
    assert result["status"] == "completed", result["reason"]
    assert type(model).__name__ == "Functional"
    assert result["nonzero"] == pruning.sparsity_report(model).nonzero < result["parameters"]
    score = model.evaluate(data.validation.inputs, data.validation.targets, verbose=0)[1]
    assert score == pytest.approx(result["score"])


def test_pruning_has_to_know_how_long_a_training_is():
    with pytest.raises(ValueError, match="training_steps"):
        tuning.HyperMultimodal({"a": {"kind": "vector", "shape": (4,)}}, 2, ("pruning",))


@pytest.mark.slow
def test_the_report_has_score_and_weights_as_two_objectives(go, tmp_path):
    run, printed = go(spaces=("pruning",), max_trials=3, epochs=2)
    trials = json.loads((tmp_path / "run" / "trials.json").read_text())["trials"]
    assert all(0 < t["nonzero"] <= t["parameters"] for t in trials)
    assert run.pruned and "of them not zero" in printed
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Score against number of weights that are not zero" in page
    assert ">not zero<" in page
    rows = (tmp_path / "run" / "trials.csv").read_text().splitlines()
    assert "nonzero" in rows[0].split(",")
    assert not isinstance(keras.models.load_model(run.folder / "best.keras"), pruning.PrunedModel)
