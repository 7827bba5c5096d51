"""Metrics by hand, and what a task is judged by."""

import math

import numpy as np
import pytest

from keras_hadamard.search.objectives import OBJECTIVES, default_objective, loss, objectives_of

P = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
T = np.array([0, 0, 1, 1])
LABELS = np.array([[1, 0], [0, 0], [1, 1], [0, 1]])
MULTI = np.array([[0.9, 0.2], [0.6, 0.1], [0.7, 0.4], [0.2, 0.8]])


def of(name, task, targets, predictions):
    return OBJECTIVES[name].score(task, targets, predictions)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 0.5),
        ("balanced_accuracy", 0.5),
        (
            "auc",
            0.75,
        ),  # of the four pairs (0.1, 0.8), (0.1, 0.3), (0.6, 0.8), (0.6, 0.3) one is off
        ("average_precision", (1 + 2 / 3) / 2),
        ("f1", 0.5),
        ("log_loss", -np.log([0.9, 0.4, 0.8, 0.3]).mean()),
    ],
)
def test_two_classes(name, value):
    assert of(name, "binary", T, P) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 6 / 8),
        ("balanced_accuracy", (3 / 4 + 3 / 4) / 2),
        ("auc", 1.0),
        ("average_precision", 1.0),
        ("f1", (4 / 5 + 2 / 3) / 2),
        ("log_loss", -np.log([0.9, 0.8, 0.4, 0.9, 0.7, 0.4, 0.8, 0.8]).mean()),
    ],
)
def test_labels(name, value):
    assert of(name, "multilabel", LABELS, MULTI) == pytest.approx(value, abs=1e-12)


def test_numbers():
    targets, predictions = np.array([1.0, 2.0, 4.0]), np.array([[2.0], [2.0], [1.0]])
    assert of("rmse", "regression", targets, predictions) == pytest.approx(math.sqrt(10 / 3))
    assert of("mae", "regression", targets, predictions) == pytest.approx(4 / 3)
    mean = 7 / 3
    total = sum((t - mean) ** 2 for t in targets)
    assert of("r2", "regression", targets, predictions) == pytest.approx(1 - 10 / total)
    assert loss("regression", targets, predictions) == pytest.approx(10 / 3)


def test_a_class_without_rows_counts_for_nothing():
    three = np.concatenate([P, np.zeros((4, 1))], axis=1)
    assert of("balanced_accuracy", "multiclass", T, three) == 0.5
    assert of("auc", "multiclass", T, three) == pytest.approx(0.75)
    assert math.isnan(of("auc", "binary", np.zeros(4, int), P))


def test_a_certain_mistake_is_finite():
    assert np.isfinite(of("log_loss", "binary", np.array([1]), np.array([[1.0, 0.0]])))


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_every_metric_of_a_task_prefers_what_is_right(task):
    rng = np.random.default_rng(0)
    targets = {
        "binary": rng.integers(0, 2, 200),
        "multiclass": rng.integers(0, 5, 200),
        "multilabel": rng.integers(0, 2, (200, 3)),
        "regression": rng.normal(size=(200, 2)),
    }[task]
    right = {
        "multilabel": 0.1 + 0.8 * targets,
        "regression": targets + 0.1,
    }.get(task)
    if right is None:
        right = 0.1 + 0.6 * np.eye(targets.max() + 1)[targets]
    shuffled = rng.permutation(right)
    for objective in objectives_of(task):
        good, bad = (objective.score(task, targets, p) for p in (right, shuffled))
        assert objective.better(good) > objective.better(bad), objective.name


def test_defaults():
    rare = np.array([1] * 2 + [0] * 98)
    assert default_objective("binary", rare) == "auc"
    assert default_objective("binary", np.array([0, 1])) == "accuracy"
    assert default_objective("multiclass", np.array([0, 1, 2])) == "accuracy"
    assert default_objective("multilabel", LABELS) == "average_precision"
    assert default_objective("regression", np.zeros(3)) == "rmse"
