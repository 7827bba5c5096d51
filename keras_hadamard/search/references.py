"""Models of other kinds on the same splits, with which the best has to be compared."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_hadamard.search.problem import Problem
from keras_hadamard.search.trainings import Reference

# The most features a reference is given of a text or an image: enough, and within minutes.
MOST_FEATURES = 2_000
MOST_BOOSTED_FEATURES = 200
# Above this number of rows references are fitted to a sample of them.
MOST_ROWS = 50_000
# Above this product of rows, numbers and outputs boosting takes fewer and larger steps, or it would
# take minutes.
MUCH_WORK, LARGE_STEPS = 20_000_000, {"max_iter": 15, "learning_rate": 0.3}


def references(problem: Problem) -> list[Reference]:
    """The majority class or mean, a linear model, and gradient boosting, each with its scores."""
    regression = problem.data.task == "regression"
    kinds: dict[str, Callable[[Problem], dict[str, np.ndarray]]] = {
        "mean" if regression else "majority class": _constant,
        "ridge regression" if regression else "logistic regression": _linear,
        "gradient boosting": _boosted,
    }
    return [_reference(name, predict, problem) for name, predict in kinds.items()]


def _reference(
    name: str, predict: Callable[[Problem], dict[str, np.ndarray]], problem: Problem
) -> Reference:
    start = time.monotonic()
    data = problem.data
    try:
        scores = {
            split: problem.objective.score(data.task, getattr(data, split).targets, predictions)
            for split, predictions in predict(problem).items()
        }
        if not np.isfinite(list(scores.values())).all():
            raise ValueError(f"{problem.objective.title} is not defined for it")
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return Reference(name, None, None, time.monotonic() - start, reason)
    return Reference(name, scores["validation"], scores["test"], time.monotonic() - start)


def _constant(problem: Problem) -> dict[str, np.ndarray]:
    """The mean of the training targets for everything: the shares of classes and labels."""
    data = problem.data
    targets = data.train.targets
    if data.task in ("binary", "multiclass"):
        targets = targets[:, None] == np.arange(len(data.classes))
    mean = np.mean(targets.reshape(len(targets), -1), axis=0)
    splits = {name: getattr(data, name) for name in ("validation", "test")}
    return {name: np.tile(mean, (len(split.targets), 1)) for name, split in splits.items()}


def _linear(problem: Problem) -> dict[str, np.ndarray]:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    task = problem.data.task
    model: Any = {
        "regression": lambda: Ridge(),
        "multilabel": lambda: OneVsRestClassifier(LogisticRegression(max_iter=1000)),
    }.get(task, lambda: LogisticRegression(max_iter=1000))()
    return _fitted(problem, make_pipeline(MaxAbsScaler(), model), _sparse)


def _boosted(problem: Problem) -> dict[str, np.ndarray]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.multioutput import MultiOutputRegressor

    task = problem.data.task
    options: dict[str, Any] = {"random_state": problem.settings.seed}
    if _work(problem) > MUCH_WORK:
        options |= LARGE_STEPS
    model: Any = {
        "regression": lambda: MultiOutputRegressor(HistGradientBoostingRegressor(**options)),
        "multilabel": lambda: OneVsRestClassifier(HistGradientBoostingClassifier(**options)),
    }.get(task, lambda: HistGradientBoostingClassifier(**options))()
    return _fitted(problem, model, _dense)


def _fitted(
    problem: Problem, model: Any, features: Callable[[Any, Any], Any]
) -> dict[str, np.ndarray]:
    """The predictions of a scikit-learn model on validation and test."""
    from threadpoolctl import threadpool_limits

    data = problem.data
    targets = data.train.targets
    rows = np.arange(len(targets))
    if len(rows) > MOST_ROWS:
        rows = np.random.default_rng(problem.settings.seed).choice(rows, MOST_ROWS, replace=False)
    if data.task == "regression":
        targets = targets.reshape(len(targets), -1)
    splits = {name: getattr(data, name) for name in ("validation", "test")}
    # On a busy machine threads that wait for one another take ten times as long as one.
    with threadpool_limits(1):
        model.fit(features(data, data.train)[rows], targets[rows])
        return {name: _predict(problem, model, features(data, s)) for name, s in splits.items()}


def _work(problem: Problem) -> int:
    """Rows times numbers of a row times outputs."""
    data = problem.data
    numbers = sum(math.prod(spec.shape) for spec in data.inputs.values())
    return len(data.train.targets) * numbers * len(data.classes)


def _predict(problem: Problem, model: Any, features: Any) -> np.ndarray:
    data = problem.data
    if data.task == "regression":
        return np.asarray(model.predict(features)).reshape(features.shape[0], -1)
    found = np.asarray(model.predict_proba(features))
    if data.task == "multilabel":
        return found
    # Classes without training rows have no probability.
    probabilities = np.zeros((len(found), len(data.classes)))
    probabilities[:, model.classes_] = found
    return probabilities


def _sparse(data: Any, split: Any) -> Any:
    """Features for a linear model: a column for each value of a category and each known word."""
    from scipy import sparse

    parts = []
    for name, spec in data.inputs.items():
        array = split.inputs[name]
        if spec.kind == "fields":
            offsets = np.cumsum([0, *spec.vocabulary_sizes[:-1]])
            parts.append(_counted(array + offsets, sum(spec.vocabulary_sizes)))
        elif spec.kind == "tokens":
            # The first one pads.
            counts = _counted(np.where(array < MOST_FEATURES, array, 0), MOST_FEATURES)
            parts.append(counts[:, 1:])
        else:
            parts.append(sparse.csr_matrix(_flat(array)))
    return sparse.hstack(parts).tocsr()


def _counted(ids: np.ndarray, size: int) -> Any:
    """How often each id occurs in each row."""
    from scipy import sparse

    rows = np.repeat(np.arange(len(ids)), ids.shape[1])
    ones = np.ones(ids.size, "float32")
    return sparse.coo_matrix((ones, (rows, ids.ravel())), (len(ids), size)).tocsr()


def _dense(data: Any, split: Any) -> np.ndarray:
    """Features for trees: ids as numbers, as frequent values have small ones; few words."""
    parts = []
    for name, spec in data.inputs.items():
        array = split.inputs[name]
        if spec.kind == "tokens":
            array = _counted(
                np.where(array < MOST_BOOSTED_FEATURES, array, 0), MOST_BOOSTED_FEATURES
            )[:, 1:].toarray()
        parts.append(_flat(array)[:, :MOST_FEATURES])
    return np.concatenate(parts, axis=1).astype("float32")


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1)
