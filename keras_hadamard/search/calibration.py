"""Probabilities that mean what they say: a temperature, fitted on validation."""

from typing import Any

import keras
import numpy as np

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.search.objectives import CLOSEST, log_loss
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.training import predict

# The logarithm of the temperature is looked for between these.
RANGE = (-3.0, 3.0)


@serializable
class TemperatureScaling(keras.layers.Layer):
    """Probabilities whose logits are divided by a temperature: above 1 they are less sure.

    Args:
        temperature: Positive number.
        multilabel: Boolean, whether each output is a probability of its own, and not one of a
            distribution. Defaults to `False`.
    """

    def __init__(self, temperature: float, multilabel: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.temperature, self.multilabel = float(temperature), multilabel

    def call(self, probabilities: Tensor) -> Tensor:
        p = keras.ops.clip(probabilities, CLOSEST, 1 - CLOSEST)
        if self.multilabel:
            logits = keras.ops.log(p) - keras.ops.log1p(-p)
            return keras.ops.sigmoid(logits / self.temperature)
        return keras.ops.softmax(keras.ops.log(p) / self.temperature)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        own = {"temperature": self.temperature, "multilabel": self.multilabel}
        return {**super().get_config(), **own}


def fit_temperature(task: str, targets: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature with the least log loss."""
    from scipy.optimize import minimize_scalar

    def scaled_loss(logarithm: float) -> float:
        layer = TemperatureScaling(np.exp(logarithm), task == "multilabel", dtype="float64")
        scaled = keras.ops.convert_to_numpy(layer(probabilities.astype("float64")))
        return log_loss(task, targets, scaled)

    return float(np.exp(minimize_scalar(scaled_loss, bounds=RANGE, method="bounded").x))


def calibrated(problem: Problem, model: keras.Model) -> tuple[keras.Model, float]:
    """The model with scaled probabilities, and the temperature."""
    split, task = problem.data.validation, problem.data.task
    probabilities = predict(model, split.inputs, problem.batch_size)
    temperature = fit_temperature(task, split.targets, probabilities)
    scaling = TemperatureScaling(temperature, task == "multilabel", name="calibrated")
    return keras.Model(model.inputs, scaling(model.outputs[0]), name=model.name), temperature
