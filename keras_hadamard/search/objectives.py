"""What trials are judged by: the metrics of a task, of predictions and targets."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CLASSES = ("binary", "multiclass")
LABELLED = (*CLASSES, "multilabel")
NUMBERS = ("regression",)
# Below this share of a binary data set a class is rare, and accuracy says little of it.
RARE = 0.1
# Probabilities closer to 0 and 1 are taken to be as far: a single wrong one would be infinite.
CLOSEST = 1e-7

Metric = Callable[[str, np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Objective:
    """A metric: its name, what it is called, its sign (+1 where more is better), and its tasks."""

    name: str
    title: str
    sign: int
    tasks: tuple[str, ...]
    metric: Metric
    # Whether differences are said in points of a hundred.
    percent: bool = True

    def score(self, task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
        """The metric of predictions: probabilities (n, classes), or numbers (n, targets)."""
        return float(self.metric(task, np.asarray(targets), np.asarray(predictions)))

    def format(self, value: float) -> str:
        return f"{value:.4f}" if self.percent else f"{value:.4g}"

    def better(self, value: float) -> float:
        """The value, or its opposite where less is better: larger is better in any case."""
        return self.sign * value


def _columns(task: str, targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Targets as 0 and 1, a column for each class or label."""
    if task == "multilabel":
        return targets
    return np.asarray(targets[:, None] == np.arange(predictions.shape[1]))


def _decided(task: str, predictions: np.ndarray) -> np.ndarray:
    """The classes or labels that predictions decide for."""
    if task == "multilabel":
        return np.asarray(predictions > 0.5).astype("int32")
    return np.asarray(predictions.argmax(-1))


def _accuracy(task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(_decided(task, predictions) == targets))


def _balanced_accuracy(task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    from sklearn.metrics import recall_score

    decided = _decided(task, predictions)
    if task == "multilabel":
        pairs = zip(targets.T, decided.T, strict=True)
        return float(np.mean([_balanced(a, b, recall_score) for a, b in pairs]))
    return _balanced(targets, decided, recall_score)


def _balanced(targets: np.ndarray, decided: np.ndarray, recall: Callable[..., float]) -> float:
    # Of the classes that there are, or a class without rows would count as all wrong.
    return float(recall(targets, decided, labels=np.unique(targets), average="macro"))


def _f1(task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    average = "binary" if task == "binary" else "macro"
    return float(f1_score(targets, _decided(task, predictions), average=average, zero_division=0))


def _ranking(name: str) -> Metric:
    """A metric of scores: the mean over classes or labels, or of the second of two classes."""

    def metric(task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
        from sklearn import metrics

        one = getattr(metrics, name)
        columns = _columns(task, targets, predictions)
        kept = [1] if task == "binary" else range(columns.shape[1])
        # Without both values there is nothing to rank.
        known = [c for c in kept if 0 < columns[:, c].sum() < len(columns)]
        values = [one(columns[:, c], predictions[:, c]) for c in known]
        return float(np.mean(values)) if values else float("nan")

    return metric


def log_loss(task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    """The mean negative logarithm of the probability of what is true."""
    p = np.clip(predictions.astype("float64"), CLOSEST, 1 - CLOSEST)
    if task == "multilabel":
        return float(-np.mean(np.where(targets == 1, np.log(p), np.log1p(-p))))
    return float(-np.mean(np.log(p[np.arange(len(targets)), targets])))


def _errors(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.asarray(predictions.astype("float64") - targets.reshape(len(targets), -1))


def _rmse(task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.sqrt(np.mean(_errors(targets, predictions) ** 2)))


def _mae(task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(np.abs(_errors(targets, predictions))))


def _r2(task: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(targets.reshape(len(targets), -1), predictions))


_ALL = (
    Objective("accuracy", "accuracy", 1, LABELLED, _accuracy),
    Objective("balanced_accuracy", "balanced accuracy", 1, LABELLED, _balanced_accuracy),
    Objective("auc", "AUC", 1, LABELLED, _ranking("roc_auc_score")),
    Objective(
        "average_precision", "average precision", 1, LABELLED, _ranking("average_precision_score")
    ),
    Objective("f1", "F1", 1, LABELLED, _f1),
    Objective("log_loss", "log loss", -1, LABELLED, log_loss, percent=False),
    Objective("rmse", "RMSE", -1, NUMBERS, _rmse, percent=False),
    Objective("mae", "MAE", -1, NUMBERS, _mae, percent=False),
    Objective("r2", "R²", 1, NUMBERS, _r2),
)
OBJECTIVES = {objective.name: objective for objective in _ALL}


def objectives_of(task: str) -> list[Objective]:
    """The metrics of a task."""
    return [objective for objective in _ALL if task in objective.tasks]


def default_objective(task: str, targets: np.ndarray) -> str:
    """What trials are judged by if nobody says."""
    if task == "binary" and min(np.bincount(targets, minlength=2)) < RARE * len(targets):
        return "auc"
    return {"regression": "rmse", "multilabel": "average_precision"}.get(task, "accuracy")


def loss(
    task: str, targets: np.ndarray, predictions: np.ndarray, deviations: np.ndarray | None = None
) -> float:
    """What training lowers, of predictions: log loss, or the mean squared error in deviations."""
    if task == "regression":
        scale = 1.0 if deviations is None else deviations
        return float(np.mean((_errors(targets, predictions) / scale) ** 2))
    return log_loss(task, targets, predictions)
