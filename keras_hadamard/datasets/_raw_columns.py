"""Conversion of columns as read to the arrays of requests."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.datasets import _images, _values
from keras_hadamard.datasets._encoders import Raw
from keras_hadamard.datasets._table import Table


def convert(
    name: str, kind: str, splits: Mapping[str, Table], strict: bool, notes: list[str]
) -> tuple[Raw, str]:
    """The raw array of each split, and a description of its conversion."""
    columns = {split: table.columns[name] for split, table in splits.items()}
    if kind == "number":
        found = {k: _values.numbers(name, table, strict=strict) for k, table in splits.items()}
        lost = {split: np.isnan(values) for split, values in found.items()}
        _say_what_is_lost(name, splits, lost, "numbers", notes)
        return found, ""
    if kind == "category":
        return _categories(columns), ""
    if kind == "text":
        return {split: _values.strings(column) for split, column in columns.items()}, ""
    if kind == "date":
        return _dates(name, splits, strict, notes)
    if kind == "image" and not isinstance(columns["train"], np.ndarray):
        return _images.read(name, splits)
    if kind == "tokens":
        return _ids(name, splits), ""
    return {split: _array(name, table, kind) for split, table in splits.items()}, ""


def _dates(
    name: str, splits: Mapping[str, Table], strict: bool, notes: list[str]
) -> tuple[Raw, str]:
    """ISO 8601 strings, and their original format."""
    raw, how, lost = {}, "", {}
    for split, table in splits.items():
        column = table.columns[name]
        values, its = _values.dates(column)
        how, lost[split] = how or its, np.isnat(values)
        bad = lost[split] & ~_values.missing(column)
        if strict and bad.any():
            raise received("dates", value=_values.first(column, bad), **table.where(name, bad))
        raw[split] = _values.iso_dates(values)
    _say_what_is_lost(name, splits, lost, "dates", notes)
    return raw, how


def _say_what_is_lost(
    name: str,
    splits: Mapping[str, Table],
    lost: Mapping[str, np.ndarray],
    what: str,
    notes: list[str],
) -> None:
    """Warns of values that exist but are not of the kind."""
    values: list[str] = []
    for split, table in splits.items():
        column = table.columns[name]
        if _values.is_text(column):
            values += list(_values.strings(column)[lost[split] & ~_values.missing(column)])
    if values:
        some = ", ".join(map(repr, sorted(set(values))[:3]))
        notes.append(
            f"`{name}` has {len(values)} values that are not {what} ({some}): treated as missing."
        )


def _categories(columns: Mapping[str, Any]) -> Raw:
    """Booleans and integers unchanged if none is missing, otherwise strings."""
    for fits, dtype in ((_values.is_boolean, "bool"), (_values.is_integer, "int64")):
        if all(fits(column) and not column.isna().any() for column in columns.values()):
            return {split: column.to_numpy(dtype) for split, column in columns.items()}
    return {split: _values.strings(column) for split, column in columns.items()}


def _array(name: str, table: Table, kind: str) -> np.ndarray:
    column = table.columns[name]
    if not isinstance(column, np.ndarray):
        return _values.numbers(name, table, strict=True)[:, None]
    if column.dtype.kind not in "iufb":
        raise received(f"`{name}` to be numbers", dtype=str(column.dtype))
    if kind == "image":
        if column.ndim not in (3, 4):
            raise received(f"`{name}` to be images, of rank 3 or 4", shape=column.shape)
        if column.dtype.kind == "u":
            return column
    with np.errstate(over="ignore"):
        array = column.astype("float32")
    flat = array.reshape(len(array), -1)
    bad = ~np.isfinite(flat) if kind == "image" else np.isinf(flat)
    if bad.any():
        row, feature = (int(x) for x in np.argwhere(bad)[0])
        raise received(
            f"`{name}` to be finite",
            value=float(flat[row, feature]),
            row=int(table.rows[row]),
            feature=feature,
            source=table.origin,
        )
    return array


def _ids(name: str, splits: Mapping[str, Table]) -> Raw:
    """Matrices of ids; lists are padded with 0 to the longest one of training."""
    columns: dict[str, Any] = {split: table.columns[name] for split, table in splits.items()}
    if not isinstance(columns["train"], np.ndarray):
        for split, table in splits.items():
            odd = np.array([isinstance(v, (str, bytes)) or np.ndim(v) != 1 for v in columns[split]])
            odd &= ~columns[split].isna().to_numpy()
            if odd.any():
                raise received("lists of ids", **table.where(name, odd))
        length = max((len(value) for value in columns["train"].dropna()), default=0)
        if not length:
            raise received("lists of ids", column=name)
        columns = {split: _padded(column, length) for split, column in columns.items()}
    made = {}
    for split, array in columns.items():
        if array.ndim != 2 or array.dtype.kind not in "iu":
            raise received(
                f"`{name}` of {split} to be token ids, a matrix of integers",
                dtype=str(array.dtype),
                shape=array.shape,
            )
        if array.size and not -(2**31) <= int(array.min()) <= int(array.max()) < 2**31:
            raise received(
                f"`{name}` of {split} to fit 32 bits",
                smallest=int(array.min()),
                largest=int(array.max()),
            )
        made[split] = array.astype("int32")
    return made


def _padded(column: Any, length: int) -> np.ndarray:
    made = np.zeros((len(column), length), "int64")
    for row, value in zip(made, column, strict=True):
        ids = list(value)[:length] if isinstance(value, (list, tuple, np.ndarray)) else []
        row[: len(ids)] = ids
    return made
