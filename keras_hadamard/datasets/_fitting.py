"""From the columns of training to encoders, and from columns to what requests carry."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.datasets import _images, _values
from keras_hadamard.datasets._column_encoders import CategoriesEncoder, NumbersEncoder
from keras_hadamard.datasets._encoders import (
    Encoder,
    ImageEncoder,
    Raw,
    TokensEncoder,
    VectorEncoder,
)
from keras_hadamard.datasets._names import safe_names, unique
from keras_hadamard.datasets._table import Source, Table
from keras_hadamard.datasets._text_encoder import TextEncoder


@dataclass
class Fitted:
    """Encoders, the raw arrays of each split by key, and the key of each column."""

    encoders: list[Encoder] = field(default_factory=list)
    raw: dict[str, Raw] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def phrases(self) -> dict[str, str]:
        return {name: text for one in self.encoders for name, text in one.phrases.items()}


def fit(
    splits: Mapping[str, Table], kinds: Mapping[str, str], asked: Container[str], source: Source
) -> Fitted:
    """Encoders of the columns by kind; whatever they know is of training.

    Columns whose kind was asked for have to hold nothing else.
    """
    keys = safe_names(kinds)
    made = Fitted(raw={split: {} for split in splits}, keys=keys)
    how: dict[str, str] = {}
    notes: dict[str, str] = {}
    for name, kind in kinds.items():
        converted, note = _convert(name, kind, splits, name in asked)
        if kind == "date":
            how[keys[name]] = note
        notes[name] = note
        for split, array in converted.items():
            made.raw[split][keys[name]] = array
    train = made.raw["train"]
    for name, kind in kinds.items():
        key = keys[name]
        if kind == "vector":
            made.encoders.append(VectorEncoder(key, name, train[key]))
        elif kind == "image":
            made.encoders.append(ImageEncoder(key, name, train[key], notes[name]))
        elif kind == "text":
            words, length = source.words.get(name), source.lengths.get(name)
            made.encoders.append(TextEncoder(key, name, train[key], words, length))
        elif kind == "tokens":
            made.encoders.append(_tokens(key, name, made.raw, source))
    taken = {one.name.lower() for one in made.encoders}
    numbers = {keys[name]: name for name, kind in kinds.items() if kind in ("number", "date")}
    if numbers:
        name = unique("numbers", taken)
        made.encoders.append(NumbersEncoder(name, numbers, train, how))
    categories = {keys[name]: name for name, kind in kinds.items() if kind == "category"}
    if categories:
        name = unique("categories", taken)
        made.encoders.append(CategoriesEncoder(name, categories, train))
    return made


def _convert(name: str, kind: str, splits: Mapping[str, Table], strict: bool) -> tuple[Raw, str]:
    """The raw array of each split, and what there is to say of it."""
    columns = {split: table.columns[name] for split, table in splits.items()}
    if kind == "number":
        found = {k: _values.numbers(name, table, strict=strict) for k, table in splits.items()}
        return found, ""
    if kind == "category":
        return _categories(columns), ""
    if kind == "text":
        return {split: _values.strings(column) for split, column in columns.items()}, ""
    if kind == "date":
        return _dates(name, splits, strict)
    if kind == "image" and not isinstance(columns["train"], np.ndarray):
        return _images.read(name, splits)
    if kind == "tokens":
        return _ids(name, splits), ""
    return {split: _array(name, table, kind) for split, table in splits.items()}, ""


def _dates(name: str, splits: Mapping[str, Table], strict: bool) -> tuple[Raw, str]:
    """ISO 8601 strings, and how they were written."""
    raw, how = {}, ""
    for split, table in splits.items():
        column = table.columns[name]
        values, its = _values.dates(column)
        how = how or its
        lost = np.isnat(values) & ~_values.missing(column)
        if strict and lost.any():
            raise received("dates", value=_values.first(column, lost), **table.where(name, lost))
        raw[split] = _values.iso_dates(values)
    return raw, how


def _categories(columns: Mapping[str, Any]) -> Raw:
    """Booleans and integers as they are if none is missing, otherwise strings."""
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
    columns = {split: table.columns[name] for split, table in splits.items()}
    if not isinstance(columns["train"], np.ndarray):
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


def _tokens(key: str, name: str, raw: Mapping[str, Raw], source: Source) -> Encoder:
    arrays: Sequence[np.ndarray] = [split[key] for split in raw.values()]
    size = source.vocabulary_sizes.get(name)
    if size is None:
        # Ids out of range are for the data set's own check; here they only count.
        size = max(1, max(int(array.max(initial=0)) for array in arrays) + 1)
    return TokensEncoder(key, name, arrays[0].shape[1], size)
