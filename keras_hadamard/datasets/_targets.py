"""The prediction target: its columns, the task, and the targets as numbers."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_hadamard._core.checks import near, received
from keras_hadamard.datasets import _values
from keras_hadamard.datasets._many_targets import label_lists, several_targets
from keras_hadamard.datasets._table import Source, Table, import_pandas
from keras_hadamard.datasets._task import Targets

NAMES = ("target", "label", "class", "y")
# With more distinct values than this, integers are numbers and not classes.
_FEW = 20


def find_targets(source: Source, target: Any) -> tuple[str, ...]:
    """The names of the target's columns: the requested ones, or the one with a usual name."""
    columns = list(source.splits["train"].columns)
    if target is None:
        target = source.target
    if target is None:
        for name in NAMES:
            found = [column for column in columns if column.lower() == name]
            if found:
                return (found[0],)
        raise received(
            f"`target` to name the column to predict, as none is named one of {list(NAMES)}",
            columns=columns[:50],
        )
    if isinstance(target, str):
        names = [target] if target in columns else [n.strip() for n in target.split(",")]
    else:
        names = [str(name) for name in target]
    if not names or len(set(names)) < len(names):
        raise received("`target` to name different columns", target=target)
    for name in names:
        if name not in columns:
            raise received(
                f"`target` to be one of the columns{near(name, columns)}",
                target=name,
                columns=columns[:50],
            )
    return tuple(names)


def known_targets(table: Table, names: Sequence[str], task: str | None) -> np.ndarray:
    """Which rows have a target; an empty list of labels counts as one."""
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
    """The targets of all splits, with one set of names."""
    splits = {key: _flattened(table, names) for key, table in splits.items()}
    if source.classes is not None:
        return _indices(splits, names, source.classes)
    if len(names) > 1 or isinstance(splits["train"].columns[names[0]], np.ndarray):
        return several_targets(splits, names, task, notes)
    (name,) = names
    if task == "multilabel":
        return label_lists(splits, name)
    for table in splits.values():
        _check_plain(name, table)
    columns = {key: table.columns[name] for key, table in splits.items()}
    task = task or _infer(name, columns, source.arrays, notes)
    if task == "regression":
        made = {k: _values.numbers(name, table, strict=True) for k, table in splits.items()}
        return Targets(task, (name,), made)
    return _classes(columns, task, name)


def _flattened(table: Table, names: Sequence[str]) -> Table:
    """A matrix of one column as a column."""
    column = table.columns[names[0]]
    if not isinstance(column, np.ndarray) or column.shape[1:] != (1,):
        return table
    flat = import_pandas().Series(column[:, 0])
    return replace(table, columns={**table.columns, names[0]: flat})


def _check_plain(name: str, table: Table) -> None:
    column: Any = table.columns[name]
    if column.dtype == object:
        odd = np.array([isinstance(v, (dict, list, tuple, set, np.ndarray)) for v in column])
        if odd.any():
            raise received(
                "one value in each row, or task='multilabel' for lists", **table.where(name, odd)
            )


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
    if not integral:
        return "regression"
    if not (_values.is_integer(whole) or distinct == 2 or _values.is_text(whole)):
        if distinct <= _FEW:
            notes.append(
                f"The target `{name}` has {distinct} distinct whole numbers: taken as regression "
                'unless task="multiclass".'
            )
        return "regression"
    counted = arrays and numbers.min() >= 0 and numbers.max() < len(numbers) / 2
    if distinct <= _FEW or counted:
        if distinct > 2 and distinct * 5 > len(whole):
            notes.append(
                f"The target `{name}` has {distinct} classes in {len(whole)} rows (regression?)."
            )
        return "binary" if distinct == 2 else "multiclass"
    notes.append(
        f"The target `{name}` has {distinct} distinct integers in {len(whole)} rows: taken as "
        'regression unless task="multiclass".'
    )
    return "regression"


def _classes(columns: Mapping[str, Any], task: str, name: str) -> Targets:
    """Class indices: integers in their order, others alphabetically."""
    texts = {key: _values.strings(column) for key, column in columns.items()}
    texts = {
        key: np.array([" ".join(text.split()) for text in values], object)
        for key, values in texts.items()
    }
    found = sorted(set().union(*(set(values) for values in texts.values())))
    if len(found) > 1000 and len(found) * 2 > sum(map(len, texts.values())):
        raise received("classes and not an id", target=name, distinct=len(found))
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
    """Targets that already are indices into the given names."""
    made = {}
    for key, table in splits.items():
        column = table.columns[names[0]]
        array = column if isinstance(column, np.ndarray) else column.to_numpy()
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
