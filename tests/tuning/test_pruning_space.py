import json
import math
import re

import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard import pruning, tuning
from keras_hadamard.datasets import ArrayDataset
from keras_hadamard.tuning.pruning_space import CRITERIA
from keras_hadamard.search.training import settled, train


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def dense():
    return keras.Sequential([keras.Input((20,)), keras.layers.Dense(10, name="dense")])


def test_one_call_declares_every_conditional_parameter():
    hp = drawn()
    tuning.pruning_space(hp, steps=100)
    names = ["schedule", "scope", "distribution", "sparsity", "threshold"]
    assert [p.name for p in hp.space] == ["pruning", *(f"pruning_{n}" for n in names)]
    assert set(hp.values) == {"pruning"}


def test_the_default_leaves_the_model_as_it_is():
    model = dense()
    assert tuning.pruning_space(drawn(), steps=100)(model) is model
    assert tuning.pruning_space(drawn(), steps=100, include=["none"])(model) is model


def test_its_size_is_the_one_that_is_told():
    count, told = 0, re.search(r"= (\d+)` configurations", tuning.pruning_space.__doc__)
    for kind in CRITERIA:
        hp = drawn(pruning=kind)
        tuning.pruning_space(hp, steps=100)
        count += math.prod(len(p.values) for p in hp.space[1:] if hp.is_active(p))
    assert count == int(told[1])


@pytest.mark.parametrize("scope", ["layer", "global", "erk"])
@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
@pytest.mark.parametrize("criterion", ["magnitude", "movement", "random"])
def test_every_configuration_ends_at_its_sparsity(criterion, schedule, scope):
    hp = drawn(
        pruning=criterion, pruning_schedule=schedule, pruning_scope=scope, pruning_sparsity=0.75
    )
    pruned = tuning.pruning_space(hp, steps=8)(dense())
    assert pruned.schedule.end_step == 6 and pruned.scope == scope
    pruned.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(16, 20)).astype("float32")
    pruned.fit(x, x[:, :10], batch_size=4, epochs=2, verbose=0)
    assert pruning.sparsity_report(pruned).sparsity == 0.75


@pytest.mark.parametrize("distribution", ["layer", "erk"])
@pytest.mark.parametrize("criterion", ["rigl", "set"])
def test_dynamic_sparse_training_is_sparse_from_the_start(criterion, distribution):
    hp = drawn(pruning=criterion, pruning_distribution=distribution, pruning_sparsity=0.75)
    pruned = tuning.pruning_space(hp, steps=8)(dense())
    before = pruned.get_masks()["dense/kernel"]
    assert pruned.scope == distribution and before.sum() == 50
    pruned.compile("adam", "mse", jit_compile=False)
    x = np.random.default_rng(0).normal(size=(16, 20)).astype("float32")
    pruned.fit(x, x[:, :10], batch_size=4, epochs=2, verbose=0)
    after = pruned.get_masks()["dense/kernel"]
    assert after.sum() == 50 and (after != before).any()
    # Three quarters of the training are 6 steps, of 4 an epoch: the second epoch's score counts.
    assert pruned.schedule.end_step == 6 and settled(pruned, 4) == 1


def test_soft_thresholds_start_where_they_are_told():
    for start in (-5.0, -3.0):
        hp = drawn(pruning="str", pruning_threshold=start)
        pruned = tuning.pruning_space(hp, steps=8)(dense())
        assert float(pruned.masks.thresholds[0]) == start
        # No step is known from which it is as sparse as it becomes.
        assert settled(pruned, 4) == 0


def test_include_restricts_the_criteria_and_keeps_their_order():
    hp = drawn()
    tuning.pruning_space(hp, steps=9, include=["random", "magnitude"], sparsities=[0.3], name="p")
    assert [p.name for p in hp.space] == ["p", "p_schedule", "p_scope", "p_sparsity"]
    assert list(hp.space[0].values) == ["magnitude", "random"]
    hp = drawn()
    tuning.pruning_space(hp, steps=9, include=["str", "none"], name="p")
    assert [p.name for p in hp.space] == ["p", "p_threshold"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 5, "include": []},
        {"steps": 5, "include": ["magnitud"]},
        {"steps": 5, "sparsities": []},
        {"steps": 5, "sparsities": [0.5, 1.0]},
    ],
)
def test_bad_arguments(wrong):
    with pytest.raises(ValueError, match="Received: "):
        tuning.pruning_space(drawn(), **wrong)


@pytest.fixture
def data(npz):
    from keras_hadamard import datasets

    loaded = datasets.load_arrays(str(npz))
    assert isinstance(loaded, ArrayDataset)
    return loaded


def hypermodel(data, steps):
    specs = {n: {"kind": s.kind, "shape": s.shape} for n, s in data.inputs.items()}
    return tuning.HyperFusionClassifier(
        specs, len(data.classes), ("pruning",), units=8, training_steps=steps
    )


def test_a_training_is_scored_when_it_is_as_sparse_as_it_becomes(data):
    searched = hypermodel(data, 4 * 5)
    configuration = {
        "pruning": "magnitude",
        "pruning_schedule": "polynomial",
        "pruning_scope": "global",
        "pruning_sparsity": 0.9,
    }
    how = {"seed": 1, "batch_size": 10, "limits": {}, "on_epoch": lambda epoch, best: None}
    outcome = train(searched, configuration, data, epochs=5, **how)
    result, model = outcome.result, outcome.model
    steps = -(-len(data.train.targets) // 10)
    pruned = searched.build(drawn(**configuration))
    first = settled(pruned, steps)
    assert 0 < first < 5 and result["score"] == max(result["curve"][first:])
    # What is left is a plain model, as sparse as was asked for, and compiled.
    report = pruning.sparsity_report(model)
    assert type(model).__name__ == "Functional" and report.sparsity == pytest.approx(0.9, abs=0.01)
    assert result["nonzero"] == report.nonzero < result["parameters"] == model.count_params()
    score = model.evaluate(data.validation.inputs, data.validation.targets, verbose=0)[1]
    assert score == pytest.approx(result["score"])
    # A training that is cut short is no failure.
    short = train(searched, configuration, data, epochs=1, **how)
    assert short.result["status"] == "completed" and len(short.result["curve"]) == 1


@pytest.mark.parametrize(
    "configuration",
    [
        {"pruning": "rigl", "pruning_distribution": "erk", "pruning_sparsity": 0.75},
        {"pruning": "str", "pruning_threshold": -3.0},
    ],
    ids=lambda configuration: configuration["pruning"],
)
def test_a_search_trains_and_strips_them(data, configuration):
    searched = hypermodel(data, 4 * 5)
    how = {"seed": 1, "batch_size": 10, "limits": {}, "on_epoch": lambda epoch, best: None}
    outcome = train(searched, configuration, data, epochs=2, **how)
    result, model = outcome.result, outcome.model
    assert result["status"] == "completed", result["reason"]
    assert type(model).__name__ == "Functional"
    assert result["nonzero"] == pruning.sparsity_report(model).nonzero < result["parameters"]
    score = model.evaluate(data.validation.inputs, data.validation.targets, verbose=0)[1]
    assert score == pytest.approx(result["score"])


def test_pruning_has_to_know_how_long_a_training_is(data):
    with pytest.raises(ValueError, match="training_steps"):
        hypermodel(data, None)


@pytest.mark.slow
def test_the_report_has_score_and_weights_as_two_objectives(go, tmp_path):
    run, printed = go(spaces=("pruning",), max_trials=3, epochs=2)
    trials = json.loads((tmp_path / "run" / "trials.json").read_text())["trials"]
    assert all(0 < t["nonzero"] <= t["parameters"] for t in trials)
    assert run.pruned and "of them not zero" in printed
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Score against number of weights that are not zero" in page
    assert "<th>not zero</th>" in page
    rows = (tmp_path / "run" / "trials.csv").read_text().splitlines()
    assert "nonzero" in rows[0].split(",")
    assert not isinstance(keras.models.load_model(run.folder / "best.keras"), pruning.PrunedModel)
