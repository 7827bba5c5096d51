"""Cross-validation: a trial's score as the mean over several splits of what is not for the test."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_hadamard.search.problem import Problem
from keras_hadamard.search.settings import wrong
from keras_hadamard.search.trainings import COMPLETED

Result = dict[str, Any]


def folds(problem: Problem, count: int, seed: int) -> list[Problem]:
    """The problem as often as there are folds, each time validated on another part of the data.

    Classes have about the same shares in all parts, rows of one group stay together, and the parts
    are the same for all trials.
    """
    data = problem.data
    names = list(data.train.inputs)
    inputs = {n: np.concatenate([data.train.inputs[n], data.validation.inputs[n]]) for n in names}
    targets = np.concatenate([data.train.targets, data.validation.targets])
    groups = None
    if data.train.groups is not None:
        groups = np.concatenate([data.train.groups, data.validation.groups])
    found = []
    for part in _parts(data.task, targets, groups, count, seed):
        rest = np.setdiff1d(np.arange(len(targets)), part)
        train, validation = (
            dataclasses.replace(
                data.train,
                inputs={n: inputs[n][rows] for n in names},
                targets=targets[rows],
                groups=None if groups is None else groups[rows],
            )
            for rows in (rest, part)
        )
        split = dataclasses.replace(data, train=train, validation=validation)
        found.append(dataclasses.replace(problem, data=split))
    return found


def _parts(
    task: str, targets: np.ndarray, groups: np.ndarray | None, count: int, seed: int
) -> list[np.ndarray]:
    """The rows of each fold."""
    from sklearn import model_selection

    classes = task in ("binary", "multiclass")
    kinds = {
        (True, False): model_selection.StratifiedKFold,
        (False, False): model_selection.KFold,
        (True, True): model_selection.StratifiedGroupKFold,
        (False, True): model_selection.GroupKFold,
    }
    if (groups is not None and len(np.unique(groups)) < count) or len(targets) < count:
        raise wrong("folds", "at most the number of rows, or of groups", count)
    # A class with fewer rows than folds is in some of them, which is no error here.
    stratified = classes and np.bincount(targets).max() >= count
    splitter = kinds[stratified, groups is not None](count, shuffle=True, random_state=seed)
    return [np.sort(part) for _, part in _quietly(splitter, targets, groups)]


def _quietly(splitter: Any, targets: np.ndarray, groups: np.ndarray | None) -> Sequence[Any]:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(splitter.split(targets, targets, groups))


def cross_validate(train: Callable[[Problem], Result], parts: Sequence[Problem]) -> Result:
    """The result of trainings on all parts, or that of the first which did not succeed."""
    results: list[Result] = []
    for part in parts:
        results.append(train(part))
        if results[-1]["status"] != COMPLETED:
            break
    merged = {**results[-1], "seconds": sum(r["seconds"] for r in results)}
    merged["started"] = results[0]["started"]
    if merged["status"] != COMPLETED:
        return merged
    scores = [r["score"] for r in results]
    epochs = min(len(r["curve"]) for r in results)
    curves = {
        name: [statistics.fmean(v) for v in zip(*(r[name][:epochs] for r in results), strict=True)]
        for name in ("curve", "losses", "validation_losses")
    }
    return {
        **merged,
        **curves,
        "score": statistics.fmean(scores),
        "folds": scores,
        "latency": statistics.median(r["latency"] for r in results),
    }
