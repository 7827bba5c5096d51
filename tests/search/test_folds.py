"""Cross-validation, and fusions of equal size."""

import dataclasses
import json

import numpy as np
import pytest

from keras_hadamard import search
from keras_hadamard.search.folds import cross_validate, folds


@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_example_validates_once_and_trains_otherwise(problem, count):
    problem = problem()
    data = problem.data
    problems = folds(problem, count, seed=1)
    assert all(p.settings is problem.settings for p in problems)
    parts = [p.data for p in problems]
    whole = np.concatenate([data.train.inputs["a"], data.validation.inputs["a"]])
    validated = np.concatenate([p.validation.inputs["a"] for p in parts])
    assert len(parts) == count
    known = {
        (a.tobytes(), b.tobytes()): target
        for split in (data.train, data.validation)
        for a, b, target in zip(split.inputs["a"], split.inputs["b"], split.targets, strict=True)
    }
    order = np.lexsort(whole.T)
    np.testing.assert_array_equal(validated[np.lexsort(validated.T)], whole[order])
    for part in parts:
        both = np.concatenate([part.train.inputs["a"], part.validation.inputs["a"]])
        np.testing.assert_array_equal(both[np.lexsort(both.T)], whole[order])
        assert part.test is data.test
        # The rows of inputs and targets stay together.
        for split in (part.train, part.validation):
            rows = zip(split.inputs["a"], split.inputs["b"], split.targets, strict=True)
            assert all(known[a.tobytes(), b.tobytes()] == target for a, b, target in rows)
    sizes = [len(p.validation) for p in parts]
    assert max(sizes) - min(sizes) <= 1
    shares = [p.validation.targets.mean() for p in parts]
    assert max(shares) - min(shares) <= 1 / min(sizes) + 1e-9


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_rows_of_a_group_stay_together(problem, task):
    problem = problem()
    groups = np.arange(len(problem.data.train)) // 4
    train, validation = (
        dataclasses.replace(split, groups=groups[: len(split)] + shift)
        for split, shift in ((problem.data.train, 0), (problem.data.validation, 100))
    )
    data = dataclasses.replace(problem.data, train=train, validation=validation)
    for part in folds(dataclasses.replace(problem, data=data), 3, seed=0):
        assert not set(part.data.train.groups) & set(part.data.validation.groups)


def test_more_folds_than_rows_are_refused(problem):
    with pytest.raises(search.SearchError, match="folds=1000"):
        folds(problem(), 1000, seed=0)


def result(score, status="completed"):
    curves = {name: [0.1, score] for name in ("curve", "losses", "validation_losses")}
    rest = {"seconds": 2.0, "latency": 1.0, "started": 5.0}
    return {"status": status, "score": score, **curves, **rest}


def test_the_score_is_the_mean():
    scores = iter([0.2, 0.4, 0.9])
    merged = cross_validate(lambda part: result(next(scores)), range(3))
    assert np.isclose(merged["score"], 0.5) and merged["folds"] == [0.2, 0.4, 0.9]
    assert np.allclose(merged["curve"], [0.1, 0.5]) and merged["seconds"] == 6.0


def test_the_first_fold_that_fails_ends_the_trial():
    results = iter([result(0.5), {**result(None, "failed"), "reason": "ValueError: bad"}])
    merged = cross_validate(lambda part: next(results), range(3))
    assert merged["status"] == "failed" and merged["reason"] == "ValueError: bad"
    assert merged["seconds"] == 4.0 and "folds" not in merged


def test_a_search_with_folds(go, formula, tmp_path):
    formula.latency = lambda configuration: 1.0
    run, printed = go(max_trials=3, folds=4)
    assert len(formula.ran) == 3 * 4 + 3 * len(run.finalists)
    assert all(len(t.folds) == 4 for t in run.records.trials)
    assert "in 4 folds, by its mean" in printed
    stored = json.loads((tmp_path / "run" / "trials.json").read_text())["trials"]
    assert len(stored[0]["folds"]) == 4


def test_models_of_equal_size(go, formula):
    go(max_trials=12, match_parameters=60_000)
    with pytest.raises(search.SearchError, match=r"another search .*match_parameters"):
        go(max_trials=12)


def test_a_size_that_no_model_has(go, formula, tmp_path):
    with pytest.raises(search.SearchError, match="max_parameters"):
        go(max_trials=2, match_parameters=1)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"folds": -2}, {"match_parameters": 0}])
def test_wrong_settings(wrong):
    with pytest.raises(search.SearchError, match="Received"):
        search.SearchSettings("digits_vqa", **wrong)
