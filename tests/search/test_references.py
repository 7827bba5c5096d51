"""Models of other kinds on the same splits, whatever the inputs and the task."""

import numpy as np
import pytest

from keras_hadamard.datasets import ArrayDataset, InputSpec, Split
from keras_hadamard.search import SearchSettings
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.references import references

SPECS = {
    "numbers": InputSpec("vector", (3,)),
    "codes": InputSpec("fields", (2,), vocabulary_sizes=(4, 6)),
    "words": InputSpec("tokens", (5,), vocabulary_size=5000),
    "image": InputSpec("image", (4, 4, 1)),
}


def split(count, task, seed):
    rng = np.random.default_rng(seed)
    inputs = {
        "numbers": rng.normal(size=(count, 3)).astype("float32"),
        "codes": np.stack([rng.integers(0, n, count) for n in (4, 6)], 1).astype("int32"),
        "words": rng.integers(0, 5000, (count, 5)).astype("int32"),
        "image": rng.uniform(size=(count, 4, 4, 1)).astype("float32"),
    }
    signal = inputs["numbers"][:, 0] + (inputs["codes"][:, 0] == 2)
    targets = {
        "binary": (signal > 0.3).astype("int32"),
        "multiclass": np.digitize(signal, [-0.3, 0.8]).astype("int32"),
        "multilabel": np.stack([signal > 0, signal < 1], 1).astype("int32"),
        "regression": (100 * signal).astype("float32"),
    }[task]
    return Split(inputs, targets)


NAMES = {
    "binary": ("no", "yes"),
    "multiclass": ("a", "b", "c"),
    "multilabel": ("a", "b"),
    "regression": ("price",),
}


@pytest.mark.parametrize("task", list(NAMES))
def test_references_of_every_task(task):
    parts = [split(count, task, seed) for seed, count in enumerate((400, 100, 100))]
    problem = Problem(SearchSettings("x"), ArrayDataset("x", SPECS, *parts, NAMES[task], task=task))
    found = {r.name: r for r in references(problem)}
    regression = task == "regression"
    assert list(found) == [
        "mean" if regression else "majority class",
        "ridge regression" if regression else "logistic regression",
        "gradient boosting",
    ]
    assert all(r.reason is None for r in found.values()), found
    better = problem.objective.better
    constant, linear, boosted = (better(r.test) for r in found.values())
    assert linear > constant and boosted > constant
    if task in ("binary", "multiclass"):
        counts = np.bincount(parts[0].targets)
        expected = np.mean(parts[2].targets == counts.argmax())
        assert next(iter(found.values())).test == expected


def test_a_reference_that_fails_says_why(monkeypatch):
    import sklearn.linear_model

    def broken(*args, **kwargs):
        raise MemoryError("no\nroom")

    monkeypatch.setattr(sklearn.linear_model.LogisticRegression, "fit", broken)
    parts = [split(60, "binary", seed) for seed in range(3)]
    data = ArrayDataset("x", SPECS, *parts, NAMES["binary"])
    linear = references(Problem(SearchSettings("x"), data))[1]
    assert (linear.test, linear.reason) == (None, "MemoryError: no room")
