"""Trials that end early because most others were better at the same epoch."""

from types import SimpleNamespace

import pytest
from harness.small_search import FormulaRunner, run_trials, small_search

from keras_hadamard.search import training, trials
from keras_hadamard.search.median_stopping import medians

PLAIN = {"fusion": "concat", "gating": "dense", "learning_rate": 1e-3}


def ended(*curve, completed=True):
    return SimpleNamespace(curve=list(curve), completed=completed)


def test_medians_of_best_scores_until_an_epoch():
    four = [ended(1, 5, 2), ended(3, 1, 1), ended(2), ended(4, 6, 7)]
    # Best so far: 1 5 5, 3 3 3, 2 2 2 (which ended in its first epoch) and 4 6 7.
    assert medians(four, 3, lambda score: score) == [2.5, 4, 4]
    assert medians(four, 3, lambda score: -score) == [-2.5, -1.5, -1.5]
    assert medians([*four, ended(9, 9, 9, completed=False)], 3, lambda score: score) == [2.5, 4, 4]
    assert medians([*four[:3], ended(8, completed=False)], 3, lambda score: score) is None


@pytest.mark.parametrize(("wanted", "epochs"), [(2.0, 3), (-1.0, 6), (None, 6)])
def test_a_training_goes_on_while_it_is_good_enough(problem, wanted, epochs):
    outcome = training.train(
        problem(),
        PLAIN,
        seed=1,
        epochs=6,
        on_epoch=lambda epoch, best: None,
        limits={},
        medians=None if wanted is None else [wanted] * 6,
    )
    result = outcome.result
    assert result["status"] == "completed" and result["score"] == max(result["curve"])
    # Early stopping may end it before, but not before the third epoch.
    assert len(result["curve"]) == epochs if wanted == 2.0 else 3 <= len(result["curve"]) <= epochs
    reason = "below the median of other trials in epoch 3" if wanted == 2.0 else None
    assert result.get("reason") == reason


@pytest.mark.parametrize(
    ("settings", "compared"),
    [
        ({}, True),
        ({"full_trainings": True}, False),
        ({"algorithm": "hyperband"}, False),
        ({"latency_weight": 0.01}, False),
        ({"weights": {"parameters": 0.01}}, False),
    ],
)
def test_which_trials_are_compared(tmp_path, monkeypatch, settings, compared):
    tasks = []

    class Watched(FormulaRunner):
        def start(self, task):
            tasks.append(task)
            super().start(task)

    monkeypatch.setattr(trials, "runner_of", lambda search: Watched())
    run_trials(small_search(tmp_path / "run", **settings))
    known = [task["medians"] is not None for task in tasks]
    assert len(known) >= 6 and not any(known[:4])
    assert all(known[4:]) if compared else not any(known)
    for task in tasks:
        assert task["medians"] is None or len(task["medians"]) == task["epochs"] == 4
