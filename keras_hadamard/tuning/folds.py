"""Cross-validation: a trial's score as the mean over several splits of what is not for the test."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_hadamard.tuning.records import COMPLETED

Result = dict[str, Any]


def folds(data: Any, count: int, seed: int) -> list[Any]:
    """The data set as often as there are folds, each time validated on another part of it.

    The parts differ in size by at most one example, and are the same for all trials.
    """
    names = list(data.train.inputs)
    inputs = {n: np.concatenate([data.train.inputs[n], data.validation.inputs[n]]) for n in names}
    targets = np.concatenate([data.train.targets, data.validation.targets])
    order = np.random.default_rng(seed).permutation(len(targets))
    found = []
    for part in np.array_split(order, count):
        rest = np.setdiff1d(order, part)
        train, validation = (
            dataclasses.replace(
                data.train, inputs={n: inputs[n][rows] for n in names}, targets=targets[rows]
            )
            for rows in (rest, np.sort(part))
        )
        found.append(dataclasses.replace(data, train=train, validation=validation))
    return found


def cross_validate(train: Callable[[Any], Result], parts: Sequence[Any]) -> Result:
    """The result of trainings on all parts, or that of the first which did not succeed."""
    results: list[Result] = []
    for part in parts:
        results.append(train(part))
        if results[-1]["status"] != COMPLETED:
            break
    merged = {**results[-1], "seconds": sum(r["seconds"] for r in results)}
    if merged["status"] != COMPLETED:
        return merged
    scores = [r["score"] for r in results]
    epochs = min(len(r["curve"]) for r in results)
    curves = [r["curve"][:epochs] for r in results]
    return {
        **merged,
        "score": statistics.fmean(scores),
        "folds": scores,
        "curve": [statistics.fmean(values) for values in zip(*curves, strict=True)],
        "latency": statistics.median(r["latency"] for r in results),
    }
