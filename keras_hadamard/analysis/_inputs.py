"""The arguments that the analyses share: inputs of a model, labels, the output."""

import math
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.analysis._program import Program


def arrays_of(program: Program, data: Any, name: str) -> list[np.ndarray]:
    """The inputs as float64 arrays with a batch, one for each input of the model."""
    specs = program.specs
    if isinstance(data, dict):
        keys = program.graph.keys
        if set(data) != set(keys):
            raise received(f"`{name}` for the inputs {keys}", **{name: list(data)})
        parts = [data[key] for key in keys]
    else:
        parts = list(data) if len(specs) > 1 and isinstance(data, (list, tuple)) else [data]
    try:
        arrays = [np.asarray(keras.ops.convert_to_numpy(part), dtype="float64") for part in parts]
    except (TypeError, ValueError) as error:
        raise received(f"`{name}` to be arrays of numbers", **{name: type(data)}) from error
    shapes = [a.shape for a in arrays]
    fit = len(arrays) == len(specs) and all(
        s[1:] == spec.of_batch(1)[1:] for s, spec in zip(shapes, specs, strict=True)
    )
    if not fit or len({s[0] for s in shapes}) != 1 or shapes[0][0] < 1:
        wanted = [("batch", *spec.shape[1:]) for spec in specs]
        raise received(f"`{name}` of shape {wanted}, one batch", shape=shapes)
    if not all(np.isfinite(a).all() for a in arrays):
        raise received(f"`{name}` without infinities and NaN", **{name: "not finite"})
    return arrays


def one_output(program: Program) -> tuple[int, ...]:
    """The shape of the output of a model that has one, without the batch."""
    if len(program.graph.outputs) != 1:
        raise received("a model with one output", outputs=len(program.graph.outputs))
    run = program.run([np.zeros(spec.of_batch(1)) for spec in program.specs])
    return tuple(run.values[run.outputs[0]].shape[1:])


def class_functionals(labels: np.ndarray, classes: int) -> np.ndarray:
    """For each label, the scores by which it exceeds every other: `(batch, others, classes)`.

    One score is that of the label 1 against 0.
    """
    if classes == 1:
        return np.where(labels == 1, 1.0, -1.0)[:, None, None]
    rows = []
    for label in labels:
        margins = -np.eye(classes)
        margins[:, label] += 1
        rows.append(np.delete(margins, label, axis=0))
    return np.stack(rows)


def labels_of(y: Any, batch: int, classes: int) -> np.ndarray:
    """Integer labels, of integers or one-hot rows."""
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == classes > 1:
        labels = labels.argmax(axis=1)
    labels = labels.reshape(-1)
    if labels.shape != (batch,) or np.any(labels != labels.astype("int64")):
        raise received(f"`y` to be {batch} integer labels, one an example", y=np.asarray(y).shape)
    if labels.min() < 0 or labels.max() >= max(2, classes):
        raise received(f"labels from 0 to {max(2, classes) - 1}", y=[labels.min(), labels.max()])
    return labels.astype("int64")


def scores_shape(program: Program) -> int:
    """The number of scores of a classifier."""
    shape = one_output(program)
    if len(shape) != 1:
        raise received("a classifier, whose output is (batch, classes)", shape=(None, *shape))
    return math.prod(shape)
