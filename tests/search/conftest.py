"""A data set of sixty rows, and a search whose trainings are a formula."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_hadamard import datasets
from keras_hadamard.search import Search, SearchSettings, finals, tasks, training
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.training import Outcome
from keras_hadamard.search.trainings import FAILED, REFUSED, Reference


@pytest.fixture(autouse=True, scope="session")
def _workers_find_the_harness():
    """Processes of Ray have the paths of their environment, and not those of this process."""
    tests = str(Path(__file__).parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", tests, prepend=os.pathsep)
        yield


def rows(count, seed):
    a, b = np.random.default_rng(seed).normal(size=(2, count, 4)).astype("float32")
    return {"a": a, "b": b, "target": (a[:, 0] * b[:, 0] > 0).astype("int32")}


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "tiny.npz"
    splits = {"train": rows(60, 0), "test": rows(1000, 1)}
    np.savez(path, **{f"{name}_{n}": x for name, all_ in splits.items() for n, x in all_.items()})
    return path


@pytest.fixture
def problem(npz):
    """The problem of a search with any settings."""
    data = datasets.load_arrays(npz)

    def make(**settings):
        return Problem(SearchSettings(str(npz), **settings), data)

    return make


class Formula:
    """Stands in for `train`: a score for each configuration at once, and a list of what was run."""

    def __init__(self):
        self.scores = {"concat": 0.5, "sum": 0.6, "hadamard": 0.7, "mlb": 0.8, "mfb": 0.9}
        self.ran = []
        self.fail = lambda configuration: None
        self.stop_at = None
        self.latency = lambda configuration: None
        self.refuse = lambda configuration: None
        # Accuracies on the test split; by default those on validation.
        self.test = self.score

    def score(self, configuration, seed):
        noise = np.random.default_rng(seed).normal(0, 0.003)
        return self.scores.get(configuration.get("fusion", "concat"), 0.4) + noise

    def __call__(
        self,
        problem,
        configuration,
        *,
        seed,
        epochs,
        on_epoch,
        limits,
        refuse=True,
        callbacks=(),
        traced=None,
        medians=None,
    ):
        if self.stop_at is not None and len(self.ran) >= self.stop_at:
            raise KeyboardInterrupt
        self.ran.append((dict(configuration), seed, epochs))
        result = {"configuration": configuration, "seed": seed, "epochs": epochs, "seconds": 1.0}
        result |= {"objective": problem.objective.name, "started": 0.0}
        failed = self.fail(configuration)
        reason = failed or ("max_parameters" in limits and self.refuse(configuration))
        if reason:
            empty = {"score": None, "parameters": None, "curve": [], "reason": reason}
            return Outcome({**result, **empty, "status": FAILED if failed else REFUSED}, None)
        score = self.score(configuration, seed)
        curves = {"curve": [score] * epochs, "losses": [0.5] * epochs}
        result.update(status="completed", score=score, parameters=1000, **curves)
        result["validation_losses"] = [0.5] * epochs
        result["latency"] = self.latency(configuration)
        return Outcome(result, FormulaModel(configuration, seed))


class FormulaModel:
    def __init__(self, configuration, seed):
        self.configuration, self.seed = configuration, seed

    def save(self, path):
        Path(path).write_text(f"{self.configuration} {self.seed}")


@pytest.fixture
def formula(monkeypatch):
    stand_in = Formula()

    def predict(model, inputs, batch_size):
        targets = rows(1000, 1)["target"]
        right = round(1000 * stand_in.test(model.configuration, model.seed))
        correct = np.random.default_rng(1).permutation(1000) < right
        return np.eye(2)[np.where(correct, targets, 1 - targets)]

    def write_best(problem, source, folder):
        (folder / "serving" / "1").mkdir(parents=True, exist_ok=True)
        (folder / "best.keras").write_text(source.read_text())
        digests = sys.modules["keras_hadamard.search.export"].digests(folder)
        return {"check": f"served {source.read_text()}", "ok": True, "files": digests}

    assert tasks.train is finals.train is training.train
    monkeypatch.setattr(tasks, "train", stand_in)
    monkeypatch.setattr(tasks, "rehearse", lambda problem, model: None)
    monkeypatch.setattr(finals, "train", stand_in)
    monkeypatch.setattr(finals, "predict", predict)
    whole = sys.modules["keras_hadamard.search.search"]
    monkeypatch.setattr(whole, "write_best", write_best)
    monkeypatch.setattr(
        whole, "references", lambda problem: [Reference("majority class", 0.5, 0.5, 0.1)]
    )
    return stand_in


@pytest.fixture
def go(npz, tmp_path):
    """Runs a search of the tiny data set; returns the run and what it printed."""

    def run(**settings):
        stream = io.StringIO()
        settings = {"max_trials": 6, "epochs": 2, "out": tmp_path / "run", **settings}
        # Here, where the formula is seen, however many trials there are.
        settings = {"spaces": ("fusion", "gating"), "workers": 0, **settings}
        found = Search(SearchSettings(str(npz), **settings), stream=stream).run()
        return found, stream.getvalue()

    return run
