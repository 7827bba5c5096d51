"""Real trainings through the real command, ended in every way a process can end."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from keras_hadamard import serving
from keras_hadamard.cli import main
from keras_hadamard.search import training
from keras_hadamard.search.traced_models import TracedModels

pytestmark = pytest.mark.slow


def command(npz, folder, trials):
    return ["search", str(npz), "--out", str(folder), "--max-trials", str(trials), "--epochs", "1"]


def test_what_a_search_leaves_behind(npz, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(command(npz, folder, 2)) == 0
    printed = capsys.readouterr().out
    assert {p.name for p in folder.iterdir()} == {
        "run.json",
        "trials.csv",
        "trials.json",
        "report.html",
        "best.keras",
        "preprocessing.keras",
        "predictions",
        "serving",
        "summary.txt",
    }
    trials = json.loads((folder / "trials.json").read_text())["trials"]
    rows = list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))
    assert len(trials) == len(rows) == 2
    for trial in trials:
        assert trial["score"] > 0 and trial["parameters"] > 0 and trial["seconds"] > 0
        assert len(trial["curve"]) == 1
    summary = (folder / "summary.txt").read_text()
    assert "concat baseline" in summary and "±" in summary
    assert "runs on a stock TF Serving" in summary
    assert summary.strip() in printed
    assert "rank" in printed and "trial 2/2" in printed
    model = keras.models.load_model(folder / "best.keras")
    assert {i.name for i in model.inputs} == {"a", "b"}
    assert serving.check(folder / "serving", model).ok

    assert main(command(npz, folder, 2)) == 0
    assert "all 2 trials are finished" in capsys.readouterr().out


def test_kill_9_loses_no_finished_trial(npz, tmp_path):
    folder, chance = tmp_path / "run", random.Random(0)
    line = [sys.executable, "-m", "keras_hadamard.cli", *command(npz, folder, 5)]
    finished: list[dict] = []
    for kill in range(3):
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        wanted = len(finished) + 1
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and len(recorded(folder)) < wanted:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(chance.random() * 2)
        os.kill(process.pid, signal.SIGKILL)
        output = process.communicate()[0].decode()
        if kill:
            assert f"Resuming {folder}: {len(finished)} of 5 trials are finished" in output
        now = recorded(folder)
        assert now[: len(finished)] == finished and len(now) >= wanted
        finished = now
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    now = recorded(folder)
    assert now[: len(finished)] == finished and len(now) == 5
    assert (folder / "report.html").exists()


def recorded(folder):
    path = folder / "trials.json"
    return json.loads(path.read_text())["trials"] if path.exists() else []


def fit(problem, seed=1, traced=None, **configuration):
    seen = []
    outcome = training.train(
        problem,
        {"fusion": "concat", "gating": "dense", "learning_rate": 1e-3, **configuration},
        seed=seed,
        epochs=3,
        on_epoch=lambda epoch, best: seen.append(epoch),
        limits={},
        traced=traced,
    )
    return outcome, seen


def test_a_training_repeats_itself_by_its_seed(problem):
    problem = problem()
    first, seen = fit(problem)
    again, _ = fit(problem)
    other, _ = fit(problem, seed=2)
    assert first.result["curve"] == again.result["curve"]
    weights = [o.model.get_weights()[0] for o in (first, again, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    assert seen == [1, 2, 3]
    assert first.result["score"] == max(first.result["curve"])


@pytest.mark.parametrize("gating", ["dense", "glu"])
def test_a_further_seed_traces_nothing_and_changes_nothing(problem, gating):
    problem, traced = problem(), TracedModels()
    alone, _ = fit(problem, seed=2, gating=gating)
    first, _ = fit(problem, seed=1, traced=traced, gating=gating)
    step = first.model.train_function
    assert np.abs(first.model.get_weights()[0] - alone.model.get_weights()[0]).max() > 0
    second, _ = fit(problem, seed=2, traced=traced, gating=gating)
    assert second.model is first.model and second.model.train_function is step
    for name in ("curve", "losses", "validation_losses", "parameters", "score"):
        assert second.result[name] == alone.result[name]
    for ours, theirs in zip(second.model.get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    other, _ = fit(problem, seed=2, traced=traced, gating=gating, fusion="sum")
    assert other.model is not first.model


def test_the_model_has_the_weights_of_the_epoch_it_is_scored_by(problem):
    problem = problem()
    # A rate so high that the last epoch is not the best one.
    for seed in range(5):
        outcome, _ = fit(problem, seed=seed, learning_rate=0.3)
        split = problem.data.validation
        found = training.predict(outcome.model, split.inputs, 16).argmax(-1)
        assert np.isclose(np.mean(found == split.targets), outcome.result["score"])
        curve = outcome.result["curve"]
        if curve[-1] < max(curve):
            return
    pytest.fail("no training went down at its end")


def test_a_loss_that_is_no_number_fails_the_trial(problem):
    outcome, _ = fit(problem(), learning_rate=1e38)
    assert outcome.model is None
    assert outcome.result["status"] == "failed" and "NaN" in outcome.result["reason"]
    json.dumps(outcome.result, allow_nan=False)


def test_whatever_a_layer_raises_fails_the_trial_alone(problem, monkeypatch):
    problem = problem()
    monkeypatch.setattr(
        problem.hypermodel, "build", lambda hp: (_ for _ in ()).throw(MemoryError("two\nlines"))
    )
    outcome, _ = fit(problem)
    assert outcome.result["reason"] == "MemoryError: two lines"
