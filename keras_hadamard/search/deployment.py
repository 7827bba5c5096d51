"""A trained model as the file that a device runs: its answers, its time and its size."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_hadamard.search.problem import Problem

# The precision of the file, by what a search is asked to deploy.
PRECISIONS = {"litert": "float32", "litert-int8": "int8"}
# Rows of the training split that give eight bits their ranges.
_CALIBRATING = 256


class DeployedModel:
    """A model in the format of the settings' `deploy`.

    Raises:
        ValueError: If the format does not have what the model computes.
    """

    def __init__(self, problem: Problem, model: keras.Model) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "model.tflite")
            self.milliseconds = deploy(problem, model, file).milliseconds
            self.content = file.read_bytes()

    @property
    def megabytes(self) -> float:
        return len(self.content) / 1e6

    def predict(self, inputs: dict[str, Any]) -> np.ndarray:
        """The file's output for each row, which it takes one by one."""
        from keras_hadamard.serving._litert_ops import runner

        run = runner(self.content)
        count = len(next(iter(inputs.values())))
        rows = ({name: array[i : i + 1] for name, array in inputs.items()} for i in range(count))
        return np.concatenate([next(iter(run(row).values())) for row in rows])


def deploy(problem: Problem, model: keras.Model, file: Path) -> Any:
    """Writes the file; returns what `export_litert` says of it."""
    from keras_hadamard import serving

    train = problem.data.train
    rows = np.random.default_rng(problem.settings.seed).permutation(len(train.targets))
    examples = {name: array[rows[:_CALIBRATING]] for name, array in train.inputs.items()}
    precision = PRECISIONS[problem.settings.deploy or "litert"]
    return serving.export_litert(model, file, precision, examples=examples)
