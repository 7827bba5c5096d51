"""What a verdict and a summary may claim."""

import dataclasses

import numpy as np
import pytest
from harness.search_runs import (
    CLASSES,
    facts,
    failed_and_refused,
    finish,
    made,
    one_trial,
    references,
    regression,
    trial,
)

from keras_hadamard.search.amounts import amount, judged, spread
from keras_hadamard.search.comparison import Comparison
from keras_hadamard.search.objectives import OBJECTIVES
from keras_hadamard.search.run import Run
from keras_hadamard.search.summary import summary
from keras_hadamard.search.table import aligned, trial_rows
from keras_hadamard.search.verdict import state, verdict

KNOWN = facts("multiclass", CLASSES, "accuracy")


@pytest.fixture
def trials():
    """The baseline, a better trial, and the best."""
    return [trial(1, score=0.6), trial(2, score=0.7), trial(3, score=0.8)]


def test_a_clear_winner_is_called_one(tmp_path, trials):
    run = finish(made(tmp_path, trials, KNOWN), tests=(0.9, 0.8, 0.6))
    (text,) = verdict(run)
    assert text.startswith("The best configuration (trial 3) beats the concat baseline on test by")
    assert "by 30.00 points (standard deviation 0.57, 95 % interval ± " in text
    assert "accuracy 0.9000 against 0.6000" in text


def test_noise_is_called_noise(tmp_path, trials):
    run = finish(made(tmp_path, trials, KNOWN), tests=(0.701, 0.7, 0.7))
    (text,) = verdict(run)
    assert "does not beat the concat baseline beyond noise: on test it is better by 0.10" in text


def test_a_baseline_that_wins_is_said_to(tmp_path):
    trials = [trial(1, score=0.9), trial(2, score=0.7)]
    run = finish(made(tmp_path, trials, KNOWN), tests=(0.8, 0.6))
    (text,) = verdict(run)
    assert text.startswith("Nothing that was tried beats the concat baseline")
    assert "The next configuration (trial 2) is worse on test by 20.00 points" in text


def test_better_on_validation_and_worse_on_test_is_said(tmp_path, trials):
    run = finish(made(tmp_path, trials, KNOWN), tests=(0.5, 0.7, 0.9))
    assert (
        "was better on validation but is worse than the concat baseline on test, by 40"
        in (verdict(run)[0])
    )


def test_one_training_of_each_tells_nothing_of_noise(tmp_path, trials):
    run = finish(made(tmp_path, trials, KNOWN), tests=(0.9, 0.8, 0.6), seeds=1)
    assert "without a second seed nobody can tell whether that is noise" in verdict(run)[0]


def test_a_reference_that_is_better_comes_first(tmp_path, trials):
    known = references("accuracy", (0.3, 0.95, 0.97))
    run = finish(made(tmp_path, trials, KNOWN, references=known), tests=(0.9, 0.8, 0.6))
    first, second, last = verdict(run)
    assert first.startswith("Gradient boosting is better than anything the search found")
    assert "accuracy 0.9700 on test, against 0.9000 of the best configuration on average" in first
    assert "a difference of 7.00 points" in first
    assert second.startswith("Logistic regression") and "beats the concat baseline" in last
    assert summary(run).split("\n\n")[1].startswith("Result\nGradient boosting is better")


def test_units_and_signs_are_the_objectives(tmp_path):
    run = regression(tmp_path)
    first, second, last = verdict(run)
    # Of errors the smaller one is better.
    assert first.startswith("Ridge regression is better") and "RMSE 9 on test" in first
    assert second.startswith("Gradient boosting is better")
    assert "beats the baseline on test by" in last and "points" not in last
    text = summary(run)
    assert "RMSE (smaller is better)" in text and "price" in text


@pytest.mark.parametrize(
    "name, difference, said",
    [
        ("accuracy", 0.0312, "3.12 points better (standard deviation 1.00, 95 % interval ± 2.00,"),
        ("accuracy", -0.0312, "3.12 points worse"),
        ("rmse", 1.5, "1.5 RMSE better (standard deviation 0.01, 95 % interval ± 0.02, p = 0.04)"),
        ("log_loss", -0.25, "0.25 log loss worse"),
    ],
)
def test_differences(name, difference, said):
    comparison = Comparison(difference, 0.01, 0.02, 0.04)
    assert judged(OBJECTIVES[name], comparison).startswith(said)
    assert judged(OBJECTIVES[name], Comparison(difference, None, None, None)) in said + " "
    assert amount(OBJECTIVES[name], difference) in said


def test_spreads():
    assert spread(OBJECTIVES["accuracy"], []) == "-"
    assert spread(OBJECTIVES["accuracy"], [0.5]) == "0.5000"
    assert spread(OBJECTIVES["accuracy"], [0.5, 0.7]) == "0.6000 ± 0.1414"
    assert spread(OBJECTIVES["rmse"], [500, 700]) == "600 ± 1.4e+02"


def test_limits_that_admit_nothing_are_said_with_the_nearest(tmp_path):
    run = failed_and_refused(tmp_path)
    assert run.best is None
    assert verdict(run) == [
        "No configuration is within the limits (at most 1,000 parameters), so there is no best "
        "model. Trial 4 comes nearest: 1,500 parameters, more than 1,000."
    ]
    # It has ended: all trials are there, and no finals can come.
    assert state(run) is None
    text = summary(run)
    assert "1 failed, 2 beyond a limit and not trained" in text
    assert "The baseline is beyond a limit (5,000 parameters, more than 1,000)" in text


def test_a_search_that_runs_says_so_first(tmp_path):
    run = one_trial(tmp_path / "a")
    assert state(run) == ("The search has not ended: 1 of 6 trials. What follows may still change.")
    assert (
        "nothing was tested" in verdict(run)[0] and "it is the concat baseline" in verdict(run)[0]
    )
    assert summary(run).split("\n\n")[1] == state(run)
    trials = [trial(1, score=0.6), trial(2, score=0.7)]
    run = finish(made(tmp_path / "b", trials, KNOWN), tests=(0.9, 0.8))
    run.records.best = None
    run.records.finals.pop()
    assert "2 of 2 trials, 5 of 6 trainings of finalists" in state(run)


def test_a_first_trial_that_failed_is_reported(tmp_path):
    run = made(tmp_path, [trial(1, status="failed", reason="OOM")], KNOWN, max_trials=2)
    assert verdict(run) == ["No trial has succeeded, the first because of OOM."]
    assert "1 failed" in summary(run)


def test_the_spread_of_every_finalist_is_shown(tmp_path, trials):
    run = finish(made(tmp_path, trials, KNOWN), tests=(0.9, 0.8, 0.6))
    text = summary(run)
    for finalist in run.finalists:
        mean, deviation = np.mean(finalist.tests), np.std(finalist.tests, ddof=1)
        assert f"{mean:.4f} ± {deviation:.4f}" in text
    assert "pick of 3 trials" in text
    assert "Column 'age' has 3 missing values" in text and "missing indicator" in text


def test_a_better_concatenation_is_told_of(tmp_path, trials):
    tuned = dataclasses.replace(
        trials[1], configuration={**trials[1].configuration, "fusion": "concat", "units": 7}
    )
    run = made(tmp_path, [trials[0], tuned, trials[2]], KNOWN)
    assert "The best concatenation among the trials is trial 2" in summary(run)
    assert "The best concatenation" not in summary(made(tmp_path, trials, KNOWN))


def test_the_pareto_front():
    from keras_hadamard.search.pareto import pareto

    rows = [(1, 0.5, 10), (2, 0.4, 20), (3, 0.7, 30), (4, 0.7, 40)]
    trials = [trial(n, score=score, parameters=size, latency=1.0) for n, score, size in rows]
    assert [t.number for t in pareto(trials)] == [1, 3]


def test_costs_that_were_measured_are_shown(tmp_path, trials):
    words = "multiplications", "megabytes"
    run = made(tmp_path, trials, KNOWN)
    assert not any(word in summary(run) for word in words)
    trials = [dataclasses.replace(t, macs=1000 * t.number, exported=1 / t.number) for t in trials]
    # Without its cost a trial is not in the front.
    trials[1] = dataclasses.replace(trials[1], macs=None)
    run = Run(run.settings, run.facts, dataclasses.replace(run.records, trials=trials), ())
    assert all(word in summary(run) for word in words)
    assert "3,000 multiplications of it, 0.33 MB" in summary(run)
    assert {t.number for t in run.pareto("size", "macs", "exported")} <= {1, 3}
    head, *rows = trial_rows(run.records)
    assert head[:3] == ["rank", "trial", "score"] and head[-4] == "milliseconds"
    assert [row[head.index("multiplications")] for row in rows] == ["3,000", "-", "1,000"]


def test_failures_stand_last_with_their_reasons(tmp_path, trials):
    failed = trial(4, status="failed", reason="ValueError: no " * 9)
    head, *rows = trial_rows(made(tmp_path, [*trials, failed], KNOWN).records)
    assert head[-1] == "reason"
    assert [row[:2] for row in rows] == [["1", "3"], ["2", "2"], ["3", "1 (baseline)"], ["-", "4"]]
    assert rows[-1][2] == "failed" and rows[-1][-1] == failed.reason[:60] and not rows[0][-1]


def test_columns_are_aligned_in_any_script():
    lines = aligned([["a", "bb"], ["猫猫", "c"], ["[red]x", ""], ["two\nlines", "d"]]).splitlines()
    assert lines == ["a          bb", "猫猫       c", "[red]x", "two lines  d"]
