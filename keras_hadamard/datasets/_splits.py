"""Assignment of rows to training, validation and test."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.extras import require
from keras_hadamard.datasets.split import SPLITS


@dataclass(frozen=True, eq=False)
class Division:
    """The criteria of a split, each None or an array with one value per row."""

    # Class indices; each split gets its share of every class.
    strata: np.ndarray | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None


def divide(
    given: Mapping[str, int], division: Division, shares: Mapping[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Row numbers of train by split; a missing split takes its share of the rows of train.

    `given` has the lengths of the existing splits. Row numbers are below the length of train.
    """
    missing = [name for name in ("test", "validation") if name not in given]
    rest = np.arange(given["train"])
    chosen: dict[str, np.ndarray] = {}
    for name in missing:
        count = round(shares[name] * given["train"])
        if not 0 < count < len(rest):
            raise received(
                f"enough examples to hold out {' and '.join(reversed(missing))}",
                examples=given["train"],
                share=shares[name],
            )
        held = _hold_out(rest, count, division, seed)
        chosen[name], rest = rest[held], np.delete(rest, held)
    chosen["train"] = rest if division.times is None else _by_time(rest, division.times)
    if missing:
        _order(chosen, division, seed)
    return chosen


def _order(chosen: dict[str, np.ndarray], division: Division, seed: int) -> None:
    """Shuffles rows: a file is often sorted by class, and a draw by group keeps its order."""
    for place, name in enumerate(SPLITS):
        if name in chosen and division.times is None:
            rng = np.random.RandomState((seed + place) % 2**32)
            chosen[name] = rng.permutation(chosen[name])


def draw(count: int, strata: np.ndarray | None, limit: int | None, seed: int) -> np.ndarray:
    """At most `limit` of the rows; each class keeps its share."""
    if limit is None or count <= limit:
        return np.arange(count)
    division = Division(strata=strata)
    held = _hold_out(np.arange(count), count - limit, division, seed)
    return np.random.RandomState(seed).permutation(np.delete(np.arange(count), held))[:limit]


def _hold_out(rows: np.ndarray, count: int, division: Division, seed: int) -> np.ndarray:
    """Positions of about `count` held-out rows in `rows`."""
    if division.times is not None:
        return _latest(division.times[rows], count)
    strata = None if division.strata is None else division.strata[rows]
    if division.groups is not None:
        held = _of_groups(division.groups[rows], strata, count, seed)
    else:
        held = _of_rows(len(rows), strata, count, seed)
    if strata is None or division.groups is not None:
        return held
    return _keep_one_of_each(held, strata)


def _of_rows(length: int, strata: np.ndarray | None, count: int, seed: int) -> np.ndarray:
    selection = _selection()
    if strata is not None:
        sizes = np.bincount(strata)[strata]
        usable = np.flatnonzero(sizes > 1)
        classes = len(np.unique(strata[usable]))
        # A class with one row cannot be divided, so it stays.
        if classes and classes <= count and len(usable) - count >= classes:
            _, held = selection.train_test_split(
                usable, test_size=count, random_state=seed, stratify=strata[usable]
            )
            return held
    _, held = selection.train_test_split(np.arange(length), test_size=count, random_state=seed)
    return held


def _keep_one_of_each(held: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Moves a row to training for each class without one, in exchange for a frequent class."""
    kept = np.ones(len(strata), bool)
    kept[held] = False
    counts = np.bincount(strata[kept], minlength=int(strata.max()) + 1)
    for label in np.setdiff1d(strata, strata[kept]):
        back = int(np.flatnonzero(~kept & (strata == label))[0])
        most = int(counts.argmax())
        kept[back] = True
        counts[label] += 1
        if counts[most] > 1:
            kept[np.flatnonzero(kept & (strata == most))[0]] = False
            counts[most] -= 1
    return np.flatnonzero(~kept)


def _of_groups(groups: np.ndarray, strata: np.ndarray | None, count: int, seed: int) -> np.ndarray:
    selection = _selection()
    number = len(np.unique(groups))
    if number < 2:
        raise received("at least three groups, one for each split", groups=number)
    parts = min(max(2, round(len(groups) / count)), number)
    if strata is None:
        share = min(max(count / len(groups), 1 / number), 1 - 1 / number)
        splitter = selection.GroupShuffleSplit(1, test_size=share, random_state=seed)
        return next(splitter.split(groups, groups=groups))[1]
    if np.bincount(strata).max() < parts:
        splitter = selection.GroupKFold(parts, shuffle=True, random_state=seed)
    else:
        splitter = selection.StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with _no_warnings():
        folds = [held for _, held in splitter.split(groups, strata, groups)]

    # Some folds may be empty, and some may have all rows of a class.
    def lack(held: np.ndarray) -> tuple[int, int]:
        rest = np.delete(strata, held)
        return len(np.setdiff1d(strata, rest)), abs(len(held) - count)

    return min((fold for fold in folds if len(fold)), key=lack)


def _latest(times: np.ndarray, count: int) -> np.ndarray:
    """The last rows in time; rows of one time stay together if both sides then have rows."""
    order = np.argsort(times, kind="stable")
    cut = len(order) - count
    ordered = times[order]
    start, stop = (int(np.searchsorted(ordered, ordered[cut], side)) for side in ("left", "right"))
    near = [c for c in (start, stop) if 0 < c < len(order)]
    cut = min(near, key=lambda c: abs(c - cut), default=cut)
    return order[cut:]


def _by_time(rows: np.ndarray, times: np.ndarray) -> np.ndarray:
    return rows[np.argsort(times[rows], kind="stable")]


def _selection() -> Any:
    return require("sklearn.model_selection", "scikit-learn", "keras_hadamard.datasets")


def _no_warnings() -> Any:
    """The splitter warns of classes with few rows, which our own warnings cover."""
    import warnings

    return warnings.catch_warnings(action="ignore")
