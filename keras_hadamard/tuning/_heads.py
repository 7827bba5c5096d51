"""The last layers, loss and metric of a searched model, by its task."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import one_of, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor


@dataclass(frozen=True)
class Task:
    """The kind of the outputs, their allowed number, and how they are learned."""

    of: str
    count: str
    counts: range
    activation: str
    loss: str
    metric: str


LIMIT = 2**31
CLASSES = ("softmax", "sparse_categorical_crossentropy", "accuracy")
TASKS = {
    "multiclass": Task("classes", "two or more", range(2, LIMIT), *CLASSES),
    "binary": Task("classes", "two", range(2, 3), *CLASSES),
    "multilabel": Task(
        "labels", "positive", range(1, LIMIT), "sigmoid", "binary_crossentropy", "binary_accuracy"
    ),
    "regression": Task(
        "targets",
        "positive",
        range(1, LIMIT),
        "linear",
        "mean_squared_error",
        "mean_absolute_error",
    ),
}


@serializable
class StandardizedError(keras.losses.Loss):
    """The mean squared error of several numbers, each in units of its standard deviation."""

    def __init__(self, deviations: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deviations = deviations

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        error = (ops.cast(y_true, y_pred.dtype) - y_pred) / np.asarray(self.deviations, "float32")
        return ops.mean(ops.square(error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "deviations": self.deviations}


class Head:
    """The outputs of a model: class and label probabilities, or numbers in their own units."""

    def __init__(self, task: str, outputs: int, target_statistics: Any) -> None:
        self.name = one_of("task", task, TASKS)
        self.task = TASKS[self.name]
        integer = isinstance(outputs, Integral) and not isinstance(outputs, bool)
        if not integer or outputs not in self.task.counts:
            raise received(
                f"`outputs`, the number of {self.task.of}, to be {self.task.count}", outputs=outputs
            )
        self.outputs = int(outputs)
        if self.name != "regression" and target_statistics is not None:
            raise received(
                f"no `target_statistics`, as {self.name} targets are {self.task.of}",
                target_statistics=target_statistics,
            )
        self.means, self.deviations = self._statistics(target_statistics)

    def __call__(self, x: Tensor) -> Tensor:
        """The model's output from its last vector.

        It is float32 under every policy: a server's REST interface has no 16-bit floats.
        """
        name = "standardized" if self.name == "regression" else "probabilities"
        x = keras.layers.Dense(
            self.outputs, activation=self.task.activation, dtype="float32", name=name
        )(x)
        if self.name != "regression":
            return x
        return keras.layers.Normalization(
            mean=self.means,
            variance=[deviation**2 for deviation in self.deviations],
            invert=True,
            dtype="float32",
            name="prediction",
        )(x)

    def compile(self, model: keras.Model, learning_rate: float) -> None:
        """Compiles the model with Adam.

        Errors of numbers are measured in standard deviations: gradients of tiny targets would
        vanish next to Adam's epsilon, and the largest of several targets would be the only one.
        """
        loss: Any = self.task.loss
        weight = None
        if self.name == "regression" and self.outputs == 1:
            # Keras's own loss, so that a saved model loads without this module.
            weight = 1 / self.deviations[0] ** 2
        elif self.name == "regression":
            loss = StandardizedError(self.deviations, name=self.task.loss)
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate),
            loss=loss,
            loss_weights=weight,
            metrics=[self.task.metric],
        )

    def _statistics(self, given: Any) -> tuple[list[float], list[float]]:
        """The mean and the standard deviation of each target; a constant one has 1."""
        if given is None:
            return [0.0] * self.outputs, [1.0] * self.outputs
        try:
            means, deviations = (np.asarray(values, "float64").reshape(-1) for values in given)
        except (TypeError, ValueError):
            means = deviations = np.zeros(0)
        fitting = means.shape == deviations.shape == (self.outputs,)
        if not fitting or not np.isfinite([means, deviations]).all() or (deviations < 0).any():
            raise received(
                f"`target_statistics` to be the means and the standard deviations of "
                f"{self.outputs} target(s)",
                target_statistics=given,
            )
        return means.tolist(), np.where(deviations > 0, deviations, 1.0).tolist()
