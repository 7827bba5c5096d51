"""The metric of a task, of what a model and a file answer to the same rows."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received

# How much accuracy a file may lose, if that is no less than a row.
ALLOWED_LOSS = 0.02
# By how much numbers may be worse, of the standard deviation of what is true.
ALLOWED_ERROR = 0.1


@dataclass(frozen=True)
class Metric:
    """A metric of a file and of the Keras model, on as many rows.

    Args:
        name: String, `"accuracy"` of classes or labels, `"RMSE"` of numbers.
        value: Float, of the file.
        keras_value: Float, of the Keras model.
        rows: Integer, how many rows it is of.
        allowed: Float, by how much the file may be worse: 0.02 of accuracy, or one row; of an
            error, a tenth of the standard deviation of what is true.
    """

    name: str
    value: float
    keras_value: float
    rows: int
    allowed: float

    @property
    def ok(self) -> bool:
        """Whether the file is worse by no more than it may be."""
        sign = 1 if self.name == "accuracy" else -1
        # What rounding leaves of the difference of two quotients is no row.
        return sign * (self.keras_value - self.value) <= self.allowed + 1e-9

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4g} (Keras {self.keras_value:.4g})"


def as_targets(targets: Any, rows: int) -> np.ndarray:
    """The targets as an array of as many rows as the examples."""
    array = np.asarray(targets)
    if array.dtype.kind not in "iufb" or not array.shape or len(array) != rows:
        raise received(
            f"`targets` of integers or numbers for the {rows} rows of the examples",
            shape=array.shape,
            dtype=str(array.dtype),
        )
    return array


def check_outputs(targets: np.ndarray, output: np.ndarray, name: str) -> None:
    """Refuses targets that are neither classes nor numbers of an output."""
    columns = output.shape[:-1] == targets.shape and output.shape[-1:] != (1,)
    if columns and targets.dtype.kind in "iub":
        if targets.min() < 0 or targets.max() >= output.shape[-1]:
            raise received(
                f"`targets` below the {output.shape[-1]} scores of the output {name!r}",
                smallest=targets.min().item(),
                largest=targets.max().item(),
            )
    elif _squeezed(output).shape != _squeezed(targets).shape:
        raise received(
            f"`targets` of classes or numbers of the output {name!r} of shape {output.shape}",
            shape=targets.shape,
            dtype=str(targets.dtype),
        )


def metric(targets: np.ndarray, answers: np.ndarray, keras_answers: np.ndarray) -> Metric:
    """Accuracy where targets are classes or labels, else the root of the mean squared error."""
    name, of = _metric_of(targets, keras_answers)
    allowed = max(ALLOWED_LOSS, 1 / len(targets))
    if name == "RMSE":
        # Of a constant nothing is known.
        allowed = ALLOWED_ERROR * float(targets.std()) or math.inf
    return Metric(name, of(answers), of(keras_answers), len(targets), allowed)


def _metric_of(targets: np.ndarray, output: np.ndarray) -> Any:
    whole = targets.dtype.kind in "iub"
    if whole and output.shape[:-1] == targets.shape and output.shape[-1] > 1:
        return "accuracy", lambda x: float(np.mean(x.argmax(-1) == targets))
    flat = _squeezed(targets)
    if whole and targets.min() >= 0 and targets.max() <= 1:
        return "accuracy", lambda x: float(np.mean((_squeezed(x) > 0.5) == flat))
    return "RMSE", lambda x: float(np.sqrt(np.mean((_squeezed(x).astype("float64") - flat) ** 2)))


def _squeezed(array: np.ndarray) -> np.ndarray:
    """Without a last axis of one column."""
    return array[..., 0] if array.ndim > 1 and array.shape[-1] == 1 else array
