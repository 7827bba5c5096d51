"""A data set of sixty rows, and a search whose trainings are a formula."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_hadamard import tuning
from keras_hadamard.tuning import finalists, records, tasks, training
from keras_hadamard.tuning.training import Outcome


@pytest.fixture
def npz(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 60, 4)).astype("float32")
    path = tmp_path / "tiny.npz"
    np.savez(path, a=a, b=b, target=(a[:, 0] * b[:, 0] > 0).astype("int32"))
    return path


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
        hypermodel,
        configuration,
        data,
        *,
        seed,
        epochs,
        batch_size,
        on_epoch,
        limits,
        refuse=True,
        strategy=None,
    ):
        if self.stop_at is not None and len(self.ran) >= self.stop_at:
            raise KeyboardInterrupt
        self.ran.append((dict(configuration), seed, epochs))
        result = {"configuration": configuration, "seed": seed, "epochs": epochs, "seconds": 1.0}
        failed = self.fail(configuration)
        reason = failed or ("max_parameters" in limits and self.refuse(configuration))
        if reason:
            empty = {"score": None, "parameters": None, "curve": [], "reason": reason}
            status = records.FAILED if failed else records.REFUSED
            return Outcome({**result, **empty, "status": status}, None)
        score = self.score(configuration, seed)
        result.update(status="completed", score=score, parameters=1000, curve=[score] * epochs)
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

    def correct(model, split, batch_size):
        count = 1000
        right = round(count * stand_in.test(model.configuration, model.seed))
        return np.random.default_rng(1).permutation(count) < right

    def export(path, served, data):
        (served / "1").mkdir(parents=True, exist_ok=True)
        return f"served {path.read_text()}", True

    assert tasks.train is finalists.train is training.train
    monkeypatch.setattr(tasks, "train", stand_in)
    monkeypatch.setattr(finalists, "train", stand_in)
    monkeypatch.setattr(finalists, "correct", correct)
    # By its name, as the package's attribute `search` is the function.
    monkeypatch.setattr(sys.modules["keras_hadamard.tuning.search"], "_export", export)
    return stand_in


@pytest.fixture
def go(npz, tmp_path):
    """Runs a search of the tiny data set; returns the run and what it printed."""

    def run(**settings):
        stream = io.StringIO()
        settings = {"max_trials": 6, "epochs": 2, "out": tmp_path / "run", **settings}
        found = tuning.search(tuning.SearchSettings(str(npz), **settings), stream=stream)
        return found, stream.getvalue()

    return run
