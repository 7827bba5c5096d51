"""Searches whose models are judged as the files that a device runs."""

import keras
import numpy as np
import pytest

from keras_hadamard.search import training
from keras_hadamard.search.deployment import DeployedModel
from keras_hadamard.serving._compare import difference
from keras_hadamard.serving.export_litert import TOLERANCES

PLAIN = {"fusion": "concat", "gating": "dense", "learning_rate": 1e-3}


def trained(problem, limits=None, **settings):
    problem = problem(**settings)
    outcome = training.train(
        problem, PLAIN, seed=1, epochs=3, on_epoch=lambda epoch, best: None, limits=limits or {}
    )
    return problem, outcome


@pytest.mark.parametrize("deploy", ["litert", "litert-int8"])
def test_a_training_is_scored_by_its_file(problem, deploy):
    problem, outcome = trained(problem, deploy=deploy)
    result, split = outcome.result, problem.data.validation
    assert result["status"] == "completed", result["reason"]
    found = outcome.deployed.predict(split.inputs)
    keras_found = training.predict(outcome.model, split.inputs, 16)
    assert found.shape == keras_found.shape
    off = np.abs(found - keras_found).max()
    allowed = {"litert": 1e-4, "litert-int8": TOLERANCES["int8"]}[deploy]
    assert difference(keras_found, found) <= allowed and bool(off < 1e-5) is (deploy == "litert")
    assert result["score"] == pytest.approx(np.mean(found.argmax(-1) == split.targets))
    assert result["latency"] == outcome.deployed.milliseconds
    assert result["exported"] == len(outcome.deployed.content) / 1e6


def test_a_limit_is_of_the_file(problem):
    problem, small = trained(problem, deploy="litert-int8", limits={"max_exported_mb": 1e-3})
    assert small.result["status"] == "refused" and "MB, more than 0.001" in small.result["reason"]
    megabytes = small.result["exported"]
    served = 1e-6 * small.result["parameters"] * 4
    assert 0 < megabytes < served + 0.02


def test_what_a_format_does_not_have_is_a_failed_trial(problem, monkeypatch):
    def refuse(self, problem, model):
        raise ValueError("no builtin op for Fft")

    monkeypatch.setattr(DeployedModel, "__init__", refuse)
    _, outcome = trained(problem, deploy="litert")
    assert outcome.result["status"] == "failed" and "no builtin op" in outcome.result["reason"]


def test_a_search_leaves_the_file(go):
    run, _ = go(deploy="litert-int8", max_trials=2, epochs=2)
    best = max(run.best.finals, key=lambda final: final.value)
    file = DeployedModel.__new__(DeployedModel)
    file.content = (run.folder / "best.tflite").read_bytes()
    assert run.records.best["files"].keys() >= {"best.keras", "best.tflite"}
    model = keras.models.load_model(run.folder / "best.keras")
    rows = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    inputs = {"a": rows, "b": rows[::-1]}
    found, expected = file.predict(inputs), training.predict(model, inputs, 8)
    # As far as a file in eight bits may be off.
    assert difference(expected, found) <= TOLERANCES["int8"]
    assert best.exported == pytest.approx(len(file.content) / 1e6, rel=0.05)
