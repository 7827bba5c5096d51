"""How much the score depends on each choice, by the trials of a search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_hadamard.search.records import hyperparameters
from keras_hadamard.search.trainings import Trial

# With fewer trials a forest learns nothing that holds for others.
FEWEST = 20
SAMPLES, TREES, SHUFFLES = 30, 30, 3


@dataclass(frozen=True)
class Importance:
    """The median over samples of the trials, and an interval of 90 %."""

    name: str
    middle: float
    low: float
    high: float


def importance(trials: Sequence[Trial]) -> list[Importance] | None:
    """The importance of each choice, the greatest first; None where it cannot be told.

    A forest is fitted to each bootstrap sample of the trials and asked for the scores of the trials
    that are not in it. The importance of a choice is by how much its squared error grows when the
    choice is shuffled among these, as a share of the scores' variance.
    """
    scores = np.array([t.score for t in trials], "float64")
    features, names = encoded(trials)
    if len(trials) < FEWEST or not names or np.ptp(scores) == 0:
        return None
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    found = []
    for sample in range(SAMPLES):
        rows = rng.integers(0, len(trials), len(trials))
        others = np.setdiff1d(np.arange(len(trials)), rows)
        if np.ptp(scores[rows]) == 0 or len(others) < 2:
            continue
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=sample)
        forest.fit(features[rows], scores[rows])
        found.append(_shuffled(forest, features[others], scores[others], rng))
    if not found:
        return None
    shares = np.array(found) / np.var(scores)
    low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95], axis=0)
    one = [
        Importance(name, float(m), float(a), float(b))
        for name, m, a, b in zip(names, middle, low, high, strict=True)
    ]
    return sorted(one, key=lambda i: -i.middle)


def encoded(trials: Sequence[Trial]) -> tuple[np.ndarray, list[str]]:
    """The choices that differ as numbers, a column for each, and their names."""
    columns, names = [], []
    for name in hyperparameters(trials):
        values = [t.configuration.get(name) for t in trials]
        if len({repr(v) for v in values}) > 1:
            columns.append(_numbers(values))
            names.append(name)
    return np.array(columns, "float64").T, names


def _numbers(values: Sequence[Any]) -> list[float]:
    if all(_is_number(v) for v in values if v is not None):
        # A choice that has no say is below all others, where a tree can cut it off.
        least = min(v for v in values if v is not None)
        return [least - 1 if v is None else float(v) for v in values]
    order = sorted({str(v) for v in values})
    return [float(order.index(str(v))) for v in values]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shuffled(
    forest: Any, features: np.ndarray, scores: np.ndarray, rng: np.random.Generator
) -> list[float]:
    """By how much the squared error grows when each column is shuffled."""
    before = np.mean((forest.predict(features) - scores) ** 2)
    grown = []
    for column in range(features.shape[1]):
        copies = np.tile(features, (SHUFFLES, 1))
        parts = [rng.permutation(features[:, column]) for _ in range(SHUFFLES)]
        copies[:, column] = np.concatenate(parts)
        error = np.mean((forest.predict(copies) - np.tile(scores, SHUFFLES)) ** 2)
        grown.append(float(error - before))
    return grown
