"""Inference of the kind of a column from its values in training."""

import re
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.datasets import _values
from keras_hadamard.datasets._table import Table, import_pandas

COLUMN_KINDS = (
    "number",
    "category",
    "text",
    "image",
    "tokens",
    "vector",
    "date",
    "id",
    "drop",
)
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_UNSPACED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
# With fewer rows, integers may be distinct by chance.
_ENOUGH_FOR_IDS = 50
_FEW_INTEGERS, _ROWS_EACH = 10, 10
_FEW_STRINGS = 20
_CODE = re.compile(r"(code|zip|plz|postal|type|class|category|group)|(^|[_ ])id$", re.IGNORECASE)
_ID = re.compile(r"(^|[_\W])(id|index|uuid|guid|key|nr|no)$|^unnamed|Id$", re.IGNORECASE)
# The share of the strings of a column that has to be numbers or dates.
_MOST = 0.95
# The number of rows that are inspected for the format of strings.
_SAMPLE = 5_000


def infer_kind(name: str, table: Table, notes: list[str]) -> str:
    """The kind of a column; a sentence is added to `notes` if another one is plausible."""
    column = table.columns[name]
    if isinstance(column, np.ndarray):
        return infer_array_kind(name, column)
    known = column.dropna()
    if known.empty:
        return "drop"
    if _values.is_boolean(known):
        return "category"
    if _values.is_date(known):
        return "date"
    if _values.is_text(known):
        return _infer_strings(name, known, table)
    if not import_pandas().api.types.is_numeric_dtype(known.dtype) or known.dtype.kind == "c":
        raise received("numbers, strings or dates", column=name, dtype=str(known.dtype))
    numbers = _values.loose_numbers(known)
    if (numbers != np.floor(numbers)).any():
        return "number"
    return _infer_integers(name, known, len(column), notes)


def infer_array_kind(name: str, array: np.ndarray) -> str:
    kind = array.dtype.kind
    if array.ndim in (3, 4) and (kind == "f" or array.dtype == np.uint8):
        return "image"
    if array.ndim == 2 and kind in "iuf":
        return "vector" if kind == "f" else "tokens"
    raise received(
        f"`{name}` to be images (rank 3 or 4, float or uint8), tokens (a matrix of integers) or "
        "vectors (a matrix of floats), or its kind",
        dtype=str(array.dtype),
        shape=array.shape,
    )


def _infer_integers(name: str, known: Any, rows: int, notes: list[str]) -> str:
    integer = bool(import_pandas().api.types.is_integer_dtype(known.dtype))
    distinct, span = int(known.nunique()), float(known.max()) - float(known.min())
    if integer and distinct == rows and rows > 2:
        counted = span < 2 * rows and rows > _FEW_STRINGS
        if rows >= _ENOUGH_FOR_IDS or counted or _ID.search(name):
            return "id"
    if distinct <= _FEW_INTEGERS and rows >= _ROWS_EACH * distinct:
        return "category"
    coded = distinct <= 50 and rows >= 20 * distinct and span > 3 * distinct
    if integer and (coded or _CODE.search(name)):
        notes.append(
            f"`{name}` has integers that look like categories ({distinct} distinct): taken as "
            f'numbers unless kinds={{"{name}": "category"}}.'
        )
    return "number"


def _infer_strings(name: str, known: Any, table: Table) -> str:
    pandas = import_pandas()
    odd = (
        known.map(lambda value: isinstance(value, (dict, list, tuple, set, np.ndarray)))
        if known.dtype == object
        else np.zeros(1, bool)
    )
    if odd.any():
        if odd.all() and known.map(_is_ids).all():
            return "tokens"
        mask = np.array([isinstance(v, (dict, list, tuple, set)) for v in table.columns[name]])
        raise received(
            "one value, or the same number of numbers, in each row", **table.where(name, mask)
        )
    texts = pandas.Series(_values.strings(known), dtype="str").str.strip()
    texts = texts[texts != ""]
    if texts.empty:
        return "drop"
    some = texts.iloc[:: max(1, len(texts) // _SAMPLE)]
    for pattern in (_values.ISO_DATE, _values.DAY_FIRST, _values.SLASHED):
        if some.str.fullmatch(pattern).mean() >= _MOST:
            return "date"
    if np.isnan(_values.loose_numbers(some)).mean() <= 1 - _MOST:
        return "number"
    if some.str.lower().str.endswith(IMAGE_SUFFIXES).mean() >= _MOST:
        return "image"
    return _infer_words(texts.nunique(), len(texts), some)


def _is_ids(value: Any) -> bool:
    return all(isinstance(item, (int, np.integer)) and item >= 0 for item in value)


def _infer_words(distinct: int, rows: int, some: Any) -> str:
    """The kind by the number of values, and of the words in a sample of them."""
    share = distinct / rows
    several = some.str.contains(r"\S\s+\S").mean() > 0.5
    unspaced = some.str.contains(_UNSPACED).mean() > 0.5 and some.str.len().mean() >= 4
    words = some.str.count(r"\S+").mean()
    if share > 0.5 and (several or unspaced):
        return "text"
    if distinct > _FEW_STRINGS and words >= 5:
        return "text"
    # Almost all values are unique, so nothing learned about one applies to others.
    return "id" if share > 0.9 and rows > 2 else "category"
