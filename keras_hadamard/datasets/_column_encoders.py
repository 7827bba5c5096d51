"""Columns of a table that share an input: numbers and dates in one, categories in another."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.datasets._encoders import Encoder, Raw, phrase_of
from keras_hadamard.datasets._layers import DateFeatures, Ids, SideBySide, Standardize
from keras_hadamard.datasets._statistics import statistics_of
from keras_hadamard.datasets.input_spec import InputSpec

# Further values share an id, and if there are more than a few, single ones train the id of unseen
# values.
_MOST_VALUES, _FEW_VALUES = 1_000, 20


class NumbersEncoder(Encoder):
    """All numbers and dates as one standardised vector."""

    def __init__(
        self, name: str, columns: Mapping[str, str], train: Raw, how: Mapping[str, str]
    ) -> None:
        self.name, self.columns = name, dict(columns)
        self.dates = {key: _dates(train[key]) for key in columns if key in how}
        parts = [self._features(key, train[key]) for key in columns]
        widths = np.array([part.shape[1] for part in parts])
        known = statistics_of(np.concatenate(parts, axis=1))
        firsts = np.cumsum(widths) - widths
        # The features of a date are missing together.
        indicators = [int(first) for first in firsts if known.missing[first]]
        self.arguments = known.arguments(indicators)
        width = int(widths.sum()) + len(indicators)
        self.spec = InputSpec("vector", (width,), normalized=True)
        self.phrases = {}
        for (key, column), first in zip(columns.items(), firsts, strict=True):
            phrase = phrase_of(known, slice(int(first), int(first) + 1))
            if key in how:
                hours = ", hour" if self.dates[key]["hours"] else ""
                phrase = f"days, year, month, weekday{hours} of {how[key]}, {phrase}"
            self.phrases[column] = phrase

    def _features(self, key: str, values: np.ndarray) -> np.ndarray:
        if key not in self.dates:
            return values[:, None]
        with tf.device("/CPU:0"):
            return np.asarray(DateFeatures(**self.dates[key])(tf.constant(values, tf.string)))

    def tensors(self) -> dict[str, keras.KerasTensor]:
        return {
            key: keras.Input((), dtype="string" if key in self.dates else "float32", name=key)
            for key in self.columns
        }

    def encode(self, raw: Mapping[str, Tensor]) -> Tensor:
        columns = []
        for key in self.columns:
            column = raw[key]
            if key in self.dates:
                layer = DateFeatures(**self.dates[key], dtype="float32", name=f"{key}-date.")
                column = layer(column)
            columns.append(column)
        matrix = SideBySide(dtype="float32", name=self.layer_name("columns"))(columns)
        name = self.layer_name("standard")
        return Standardize(**self.arguments, dtype="float32", name=name)(matrix)


def _dates(values: np.ndarray) -> dict[str, Any]:
    """The arguments of `DateFeatures`: the mean day, and whether there are times of day."""
    known = np.array([value for value in values if value], "datetime64[s]")
    day = float(known.astype("int64").mean() / 86_400) if len(known) else 0.0
    return {"day": float(np.floor(day)), "hours": any("T" in value for value in values)}


class CategoriesEncoder(Encoder):
    """All categories as ids: 0 is missing, 1 unseen, then the known ones by frequency."""

    def __init__(self, name: str, columns: Mapping[str, str], train: Raw) -> None:
        self.name, self.columns = name, dict(columns)
        self.kinds = {key: train[key].dtype.kind for key in columns}
        self.known = {k: _known(c, train[k]) for k, c in columns.items() if self.kinds[k] != "b"}
        sizes = tuple(2 + len(self.known.get(key, (False, True))) for key in columns)
        self.spec = InputSpec("fields", (len(sizes),), vocabulary_sizes=sizes)
        self.phrases = {}
        for (key, column), size in zip(columns.items(), sizes, strict=True):
            rare = len(set(train[key].tolist()) - {""}) - (size - 2)
            phrase = f"{size - 2:,} values as ids, unseen is one of them"
            self.phrases[column] = phrase + (f", as are {rare:,} rare ones" if rare else "")

    def tensors(self) -> dict[str, keras.KerasTensor]:
        types = {"O": "string", "i": "int64", "b": "bool"}
        return {
            key: keras.Input((), dtype=types[kind], name=key) for key, kind in self.kinds.items()
        }

    def encode(self, raw: Mapping[str, Tensor]) -> Tensor:
        columns, offsets = [], []
        for key, kind in self.kinds.items():
            column, offset = raw[key], 0
            if kind == "O":
                column = _string_lookup(self.known[key], f"{key}-lookup.")(column)
            elif kind == "i":
                column, offset = _integer_lookup(self.known[key], f"{key}-lookup.")(column), 1
            else:
                offset = 2
            columns.append(column)
            offsets.append(offset)
        return Ids(offsets, name=self.layer_name("ids"))(columns)


def _string_lookup(known: list[Any], name: str) -> keras.layers.Layer:
    unseen = "[unseen]"
    while unseen in known:
        unseen = f"[{unseen}]"
    return keras.layers.StringLookup(vocabulary=known, mask_token="", oov_token=unseen, name=name)


def _integer_lookup(known: list[Any], name: str) -> keras.layers.Layer:
    """Without an integer for missing values, as any integer may be a value."""
    values = set(known)
    unseen = next(i for i in range(-1, -2 - len(known), -1) if i not in values)
    return keras.layers.IntegerLookup(vocabulary=known, oov_token=unseen, name=name)


def _known(column: str, values: np.ndarray) -> list[Any]:
    """The values that get an id, the most frequent ones first; ties by their order."""
    counts = Counter(values.tolist())
    counts.pop("", None)
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    if len(ranked) > _FEW_VALUES:
        ranked = [value for value in ranked if counts[value] > 1][:_MOST_VALUES]
    if not ranked:
        raise received(
            "a category to have values that occur more than once in training",
            column=column,
            distinct=len(counts),
        )
    return ranked
