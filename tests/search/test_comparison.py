"""Differences, their intervals, and Welch's degrees of freedom."""

import numpy as np
import pytest
from scipy import stats

from keras_hadamard.search.comparison import _student, compare
from keras_hadamard.search.finalists import Finalist
from keras_hadamard.search.records import Records
from keras_hadamard.search.trainings import Final, Trial


def of(configuration, objective):
    return {
        "status": "completed",
        "configuration": configuration,
        "objective": objective,
        "score": 0.5,
        "parameters": 10,
        "seconds": 1.0,
        "epochs": 1,
        "curve": [0.5],
    }


@pytest.fixture
def finalist(tmp_path):
    """A finalist of given predictions, whose scores are those of its objective."""
    records = Records(tmp_path)

    def make(name, predictions, targets, objective="accuracy", task="binary"):
        from keras_hadamard.search.objectives import OBJECTIVES

        configuration = {"fusion": name}
        trial = Trial(**of(configuration, objective), seed=0, number=len(records.trials) + 1)
        records.about = {"facts": {"task": task}}
        records.add_trial(trial)
        records.keep_test_targets(targets)
        for seed, own in enumerate(predictions):
            test = OBJECTIVES[objective].score(task, targets, own)
            records.add_final(Final(**of(configuration, objective), seed=seed, test=test), own)
        return Finalist(trial, records.finals_of(configuration)), records

    return make


def right_in(share, targets, rng):
    correct = rng.uniform(size=len(targets)) < share
    return np.eye(2)[np.where(correct, targets, 1 - targets)]


def test_a_large_difference_is_certain_and_none_is_not(finalist):
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 500)
    good = finalist("good", [right_in(0.9, targets, rng) for _ in range(3)], targets)
    bad = finalist("bad", [right_in(0.7, targets, rng) for _ in range(3)], targets)
    found = compare(good, bad)
    assert found.certain and found.p < 1e-3
    assert found.difference == pytest.approx(np.mean(good[0].tests) - np.mean(bad[0].tests))
    same = compare(good, finalist("same", [right_in(0.9, targets, rng) for _ in range(3)], targets))
    assert not same.certain


def test_the_interval_covers_the_drawing_of_the_test_split(finalist):
    """Without spread over seeds what is left is the paired standard error over examples."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 400)
    a, b = right_in(0.8, targets, rng), right_in(0.7, targets, rng)
    found = compare(finalist("a", [a] * 3, targets), finalist("b", [b] * 3, targets))
    paired = (a.argmax(1) == targets).astype(float) - (b.argmax(1) == targets)
    expected = stats.t.ppf(0.975, 49) * paired.std() / np.sqrt(len(targets))
    # Fifty blocks know it within some 10 %.
    assert found.margin == pytest.approx(expected, rel=0.15)


def test_less_of_an_error_is_better(finalist):
    rng = np.random.default_rng(0)
    targets = rng.normal(size=200)
    near, far = (
        [targets[:, None] + scale * rng.normal(size=(200, 1)) for _ in range(3)]
        for scale in (0.5, 1.0)
    )
    found = compare(
        finalist("near", near, targets, "rmse", "regression"),
        finalist("far", far, targets, "rmse", "regression"),
    )
    assert found.difference == pytest.approx(0.5, abs=0.1) and found.certain


def test_welch_is_scipys():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 4), rng.normal(1, 5, 7)
    parts = [(x.var(ddof=1) / len(x), len(x) - 1) for x in (a, b)]
    expected = stats.ttest_ind(a, b, equal_var=False)
    margin, p = _student(parts, a.mean() - b.mean())
    assert p == pytest.approx(expected.pvalue, rel=1e-9)
    low, high = expected.confidence_interval(0.95)
    assert margin == pytest.approx((high - low) / 2, rel=1e-9)


def test_one_training_of_each_leaves_the_noise_unknown(finalist):
    targets = np.array([0, 1, 1])
    found = compare(
        finalist("a", [np.eye(2)[targets]], targets),
        finalist("b", [np.eye(2)[1 - targets]], targets),
    )
    assert (found.difference, found.margin, found.p) == (1.0, None, None)
