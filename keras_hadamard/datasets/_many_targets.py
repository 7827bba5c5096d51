"""Several targets: labels of 0 and 1, numbers, or lists of labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.datasets import _values
from keras_hadamard.datasets._table import Table
from keras_hadamard.datasets._task import Targets

_SEPARATORS = (";", "|", ",")


def several_targets(
    splits: Mapping[str, Table], names: Sequence[str], task: str | None, notes: list[str]
) -> Targets:
    """Several columns, or one matrix: labels if all are 0 or 1, otherwise numbers."""
    made = {key: _matrix(table, names) for key, table in splits.items()}
    width = made["train"].shape[1]
    titles = tuple(names) if len(names) > 1 else tuple(f"{names[0]} {i}" for i in range(width))
    zeros_and_ones = all(np.isin(matrix, (0, 1)).all() for matrix in made.values())
    if task == "regression" or (task is None and not zeros_and_ones):
        return Targets("regression", titles, {k: m.astype("float32") for k, m in made.items()})
    if not zeros_and_ones:
        raise received("targets of 0 and 1, or `task` to be 'regression'", task=task, target=names)
    one_each = len(names) == 1 and all((matrix.sum(axis=1) == 1).all() for matrix in made.values())
    if task != "multilabel" and one_each:
        if task is None:
            notes.append(f"`{names[0]}` has one 1 in each row: taken as {width} classes.")
        indices = {key: matrix.argmax(axis=1).astype("int32") for key, matrix in made.items()}
        return Targets("binary" if width == 2 else "multiclass", titles, indices)
    if task not in (None, "multilabel"):
        raise received("one target for that task", task=task, target=list(names))
    return Targets("multilabel", titles, {key: m.astype("int32") for key, m in made.items()})


def _matrix(table: Table, names: Sequence[str]) -> np.ndarray:
    column = table.columns[names[0]]
    if isinstance(column, np.ndarray):
        if len(names) > 1 or column.ndim != 2:
            raise received(
                "the target to be one column, or a matrix", target=names[0], shape=column.shape
            )
        bad: np.ndarray = np.any(np.isinf(column), axis=1)
        if bad.any():
            raise received("finite targets", **table.where(names[0], bad))
        return column
    return np.stack([_values.numbers(name, table, strict=True) for name in names], axis=1)


def label_lists(splits: Mapping[str, Table], name: str) -> Targets:
    """A column of lists of labels, or of strings such as "a;b;c"."""
    lists = {key: _lists(table.columns[name]) for key, table in splits.items()}
    names = sorted({label for rows in lists.values() for row in rows for label in row})
    if not names:
        raise received("labels in the target", target=name, labels=names)
    index = {label: i for i, label in enumerate(names)}
    made = {}
    for key, rows in lists.items():
        made[key] = np.zeros((len(rows), len(names)), "int32")
        for row, labels in zip(made[key], rows, strict=True):
            row[[index[label] for label in labels]] = 1
    return Targets("multilabel", tuple(names), made)


def _lists(column: Any) -> list[list[str]]:
    if column.map(lambda value: isinstance(value, (list, tuple, np.ndarray))).any():
        return [
            [str(item) for item in value] if isinstance(value, (list, tuple, np.ndarray)) else []
            for value in column
        ]
    texts = _values.strings(column)
    counts = {sign: sum(sign in text for text in texts) for sign in _SEPARATORS}
    sign = next((s for s in _SEPARATORS if counts[s]), _SEPARATORS[0])
    return [[part.strip() for part in text.split(sign) if part.strip()] for text in texts]
