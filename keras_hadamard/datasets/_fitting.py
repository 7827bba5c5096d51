"""Fitting of encoders to the columns of training."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from keras_hadamard.datasets._column_encoders import CategoriesEncoder, NumbersEncoder
from keras_hadamard.datasets._encoders import (
    Encoder,
    ImageEncoder,
    Raw,
    TokensEncoder,
    VectorEncoder,
)
from keras_hadamard.datasets._names import safe_names, unique
from keras_hadamard.datasets._raw_columns import convert
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
    splits: Mapping[str, Table],
    kinds: Mapping[str, str],
    asked: Container[str],
    source: Source,
    notes: list[str],
) -> Fitted:
    """Encoders of the columns by kind, fitted on training only.

    Columns with a requested kind must contain nothing else.
    """
    keys = safe_names(kinds)
    made = Fitted(raw={split: {} for split in splits}, keys=keys)
    how: dict[str, str] = {}
    said: dict[str, str] = {}
    for name, kind in kinds.items():
        converted, note = convert(name, kind, splits, name in asked, notes)
        if kind == "date":
            how[keys[name]] = note
        said[name] = note
        for split, array in converted.items():
            made.raw[split][keys[name]] = array
    train = made.raw["train"]
    for name, kind in kinds.items():
        key = keys[name]
        if kind == "vector":
            made.encoders.append(VectorEncoder(key, name, train[key]))
        elif kind == "image":
            made.encoders.append(ImageEncoder(key, name, train[key], said[name]))
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


def _tokens(key: str, name: str, raw: Mapping[str, Raw], source: Source) -> Encoder:
    arrays: Sequence[np.ndarray] = [split[key] for split in raw.values()]
    size = source.vocabulary_sizes.get(name)
    if size is None:
        # Ids out of range are left to the check of the data set; here they are only counted.
        size = max(1, max(int(array.max(initial=0)) for array in arrays) + 1)
    return TokensEncoder(key, name, arrays[0].shape[1], size)
