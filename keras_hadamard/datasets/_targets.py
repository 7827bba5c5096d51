"""What is to be predicted: the target's columns, the task, and the targets as numbers."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_hadamard._core.checks import near, received
from keras_hadamard.datasets import _values
from keras_hadamard.datasets._table import Source, Table, import_pandas

NAMES = ("target", "label", "class", "y")
# Integers with more values than these are numbers rather than classes.
_FEW = 20
_SEPARATORS = (";", "|", ",")


@dataclass(frozen=True, eq=False)
class Targets:
    """The task, the names it is about, and the targets by split."""

    task: str
    classes: tuple[str, ...]
    splits: dict[str, np.ndarray]

    @property
    def labelled(self) -> bool:
        return self.task in ("binary", "multiclass")


def find_targets(source: Source, target: Any) -> tuple[str, ...]:
    """The names of the target's columns: those asked for, or the one that is called so."""
    columns = list(source.splits["train"].columns)
    if target is None:
        target = source.target
    if target is None:
        for name in NAMES:
            found = [column for column in columns if column.lower() == name]
            if found:
                return (found[0],)
        raise received(
            f"`target` to name the column to predict, as none is called one of {list(NAMES)}",
            columns=columns[:50],
        )
    if isinstance(target, str):
        names = [target] if target in columns else [n.strip() for n in target.split(",")]
    else:
        names = [str(name) for name in target]
    if not names or len(set(names)) < len(names):
        raise received("`target` to name columns, each once", target=target)
    for name in names:
        if name not in columns:
            raise received(
                f"`target` to be one of the columns{near(name, columns)}",
                target=name,
                columns=columns[:50],
            )
    return tuple(names)


def known_targets(table: Table, names: Sequence[str], task: str | None) -> np.ndarray:
    """Which rows have a target; a list of labels may well be empty."""
    kept = np.ones(len(table), bool)
    if task == "multilabel" and len(names) == 1:
        return kept
    for name in names:
        column = table.columns[name]
        if isinstance(column, np.ndarray):
            if column.dtype.kind == "f":
                kept &= ~np.isnan(column).any(axis=tuple(range(1, column.ndim)))
            continue
        kept &= ~column.isna().to_numpy()
        if _values.is_text(column):
            kept &= np.char.strip(_values.strings(column).astype(str)) != ""
    return kept


def encode_targets(
    splits: Mapping[str, Table],
    names: Sequence[str],
    task: str | None,
    source: Source,
    notes: list[str],
) -> Targets:
    """The targets of all splits, by one set of names."""
    if source.classes is not None:
        return _indices(splits, names, source.classes)
    if len(names) > 1 or isinstance(splits["train"].columns[names[0]], np.ndarray):
        return _several(splits, names, task)
    (name,) = names
    if task == "multilabel":
        return _label_lists(splits, name)
    columns = {key: table.columns[name] for key, table in splits.items()}
    task = task or _infer(name, columns, source.arrays, notes)
    if task == "regression":
        made = {k: _values.numbers(name, table, strict=True) for k, table in splits.items()}
        return Targets(task, (name,), made)
    return _classes(columns, task, name)


def _infer(name: str, columns: Mapping[str, Any], arrays: bool, notes: list[str]) -> str:
    pandas = import_pandas()
    whole = pandas.concat(list(columns.values()), ignore_index=True)
    if _values.is_date(whole):
        raise received("a target of classes or numbers, not dates", target=name)
    if _values.is_boolean(whole):
        return "binary"
    numbers = _values.loose_numbers(whole)
    distinct = whole.nunique()
    if np.isnan(numbers).any():
        if distinct * 2 > len(whole) and distinct > 2:
            notes.append(
                f"The target `{name}` has {distinct} classes in {len(whole)} rows (regression, or "
                "an id?)."
            )
        return "binary" if distinct == 2 else "multiclass"
    integral = bool((numbers == np.floor(numbers)).all())
    # Missing values turn integers into floats; their rows are gone, their type is not.
    if not integral or not (_values.is_integer(whole) or distinct == 2 or _is_text(whole)):
        return "regression"
    counted = arrays and numbers.min() >= 0 and numbers.max() < len(numbers) / 2
    if distinct <= _FEW or counted:
        if distinct * 5 > len(whole):
            notes.append(
                f"The target `{name}` has {distinct} classes in {len(whole)} rows (regression?)."
            )
        return "binary" if distinct == 2 else "multiclass"
    notes.append(
        f"The target `{name}` has {distinct} distinct integers in {len(whole)} rows: taken for "
        'regression unless task="multiclass".'
    )
    return "regression"


def _is_text(column: Any) -> bool:
    return _values.is_text(column)


def _classes(columns: Mapping[str, Any], task: str, name: str) -> Targets:
    """Class indices: integers in their order, others by the alphabet."""
    texts = {key: _values.strings(column) for key, column in columns.items()}
    texts = {
        key: np.array([" ".join(text.split()) for text in values], object)
        for key, values in texts.items()
    }
    found = sorted(set().union(*(set(values) for values in texts.values())))
    if len(found) > 1000 and len(found) * 2 > sum(map(len, texts.values())):
        raise received("classes rather than an id", target=name, distinct=len(found))
    with contextlib.suppress(ValueError):
        found.sort(key=float)
    if task == "binary" and len(found) != 2:
        raise received("two classes for the task 'binary'", target=name, classes=found[:20])
    index = {text: i for i, text in enumerate(found)}
    made = {
        key: np.array([index[text] for text in values], "int32") for key, values in texts.items()
    }
    return Targets(task, tuple(found), made)


def _indices(
    splits: Mapping[str, Table], names: Sequence[str], classes: tuple[str, ...]
) -> Targets:
    """Targets that are indices into given names already."""
    made = {}
    for key, table in splits.items():
        column = table.columns[names[0]]
        array = column if isinstance(column, np.ndarray) else column.to_numpy()
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1 or array.dtype.kind not in "iub":
            raise received(
                f"the target of {key} to be a vector of integers",
                dtype=str(array.dtype),
                shape=array.shape,
            )
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= len(classes):
            raise received(
                f"the target of {key} to lie in [0, {len(classes)})", smallest=low, largest=high
            )
        made[key] = array.astype("int32")
    return Targets("binary" if len(classes) == 2 else "multiclass", classes, made)


def _several(splits: Mapping[str, Table], names: Sequence[str], task: str | None) -> Targets:
    """Several columns, or one matrix: labels if all are 0 or 1, otherwise numbers."""
    made = {key: _matrix(table, names) for key, table in splits.items()}
    width = made["train"].shape[1]
    if width == 1 and task != "multilabel" and len(names) == 1:
        pandas = import_pandas()
        flat = {
            key: Table({names[0]: pandas.Series(table.columns[names[0]].ravel())}, table.rows, "")
            for key, table in splits.items()
        }
        return encode_targets(flat, names, task, Source("", {}, arrays=True), [])
    zeros_and_ones = all(np.isin(matrix, (0, 1)).all() for matrix in made.values())
    task = task or ("multilabel" if zeros_and_ones else "regression")
    titles = tuple(names) if len(names) > 1 else tuple(f"{names[0]} {i}" for i in range(width))
    if task == "regression":
        return Targets(task, titles, {key: m.astype("float32") for key, m in made.items()})
    if task != "multilabel" or not zeros_and_ones:
        raise received(
            "`task` to be 'regression', or 'multilabel' for columns of 0 and 1",
            task=task,
            target=list(names),
        )
    return Targets(task, titles, {key: m.astype("int32") for key, m in made.items()})


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


def _label_lists(splits: Mapping[str, Table], name: str) -> Targets:
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
