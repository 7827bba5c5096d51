"""Conversion of the columns of a table to the numbers, strings, integers and dates of requests."""

from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.datasets._table import Table, import_pandas

_DECIMAL_COMMA = r"\s*[+-]?\d{1,3}(?:\.?\d{3})*,\d+\s*|\s*[+-]?\d+,\d+\s*"
ISO_DATE = r"\s*\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]\d{1,2}:\d{2}.*)?\s*"
DAY_FIRST = r"\s*\d{1,2}\.\d{1,2}\.\d{4}(?: \d{1,2}:\d{2}.*)?\s*"
SLASHED = r"\s*\d{1,2}/\d{1,2}/\d{4}(?: \d{1,2}:\d{2}.*)?\s*"


def is_text(column: Any) -> bool:
    """Whether a column contains strings, possibly among other values."""
    pandas = import_pandas()
    return bool(
        column.dtype == object
        or isinstance(column.dtype, pandas.CategoricalDtype)
        or pandas.api.types.is_string_dtype(column.dtype)
    )


def is_boolean(column: Any) -> bool:
    return bool(import_pandas().api.types.is_bool_dtype(column.dtype))


def is_integer(column: Any) -> bool:
    """Whether a column contains integers that all fit in signed 64 bits."""
    types = import_pandas().api.types
    if not types.is_integer_dtype(column.dtype):
        return False
    return not (types.is_unsigned_integer_dtype(column.dtype) and column.max() >= 2**63)


def is_date(column: Any) -> bool:
    return bool(import_pandas().api.types.is_datetime64_any_dtype(column.dtype))


def strings(column: Any) -> np.ndarray:
    """Python strings, "" for missing values; whole numbers without a decimal point."""
    pandas = import_pandas()
    if isinstance(column.dtype, pandas.StringDtype):
        return column.fillna("").to_numpy(object)
    if pandas.api.types.is_float_dtype(column.dtype):
        numbers = column.to_numpy("float64", na_value=np.nan)
        known = numbers[np.isfinite(numbers)]
        if (known == np.floor(known)).all() and (np.abs(known) < 2**53).all():
            column = pandas.Series(numbers).astype("Int64")
    values = column.astype(object).to_numpy(copy=True)
    values[column.isna().to_numpy()] = ""
    made = np.empty(len(values), object)
    made[:] = [_string(value) for value in values]
    return made


def as_integers(column: Any) -> Any:
    """A column of whole floats as integers, any other one unchanged."""
    pandas = import_pandas()
    if isinstance(column, np.ndarray) or not pandas.api.types.is_float_dtype(column.dtype):
        return column
    numbers = column.to_numpy("float64", na_value=np.nan)
    if (
        not len(numbers)
        or not (numbers == np.floor(numbers)).all()
        or np.abs(numbers).max() > 2**53
    ):
        return column
    return column.astype("int64")


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def numbers(name: str, table: Table, *, strict: bool = False) -> np.ndarray:
    """float32 with NaN for values that are missing or, unless `strict`, not numbers."""
    column = table.columns[name]
    values = loose_numbers(column)
    # This also covers float64 values that are too large for float32.
    with np.errstate(over="ignore"):
        short = values.astype("float32")
    if np.isinf(short).any():
        bad = np.isinf(short)
        raise received("finite numbers", value=float(values[bad][0]), **table.where(name, bad))
    if strict:
        bad = np.isnan(values) & ~missing(column)
        if bad.any():
            raise received("numbers", value=first(column, bad), **table.where(name, bad))
    return short


def loose_numbers(column: Any) -> np.ndarray:
    """float64, with NaN for everything that is not a number."""
    pandas = import_pandas()
    if not is_text(column):
        if is_date(column) or column.dtype.kind in "cm":
            return np.full(len(column), np.nan)
        return column.to_numpy("float64", na_value=np.nan)
    texts = pandas.Series(strings(column), dtype="str")
    found = pandas.to_numeric(texts, errors="coerce")
    lost = found.isna() & (texts != "")
    # The usual format in much of Europe.
    if lost.any() and texts[lost].str.fullmatch(_DECIMAL_COMMA).mean() > 0.5:
        english = texts.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
        found = found.where(~lost, pandas.to_numeric(english, errors="coerce"))
    return found.to_numpy("float64")


def dates(column: Any) -> tuple[np.ndarray, str]:
    """datetime64[s] in UTC with NaT for missing values, and the format of strings."""
    pandas = import_pandas()
    how = "ISO 8601"
    if not is_date(column):
        texts = pandas.Series(strings(column), dtype="str").str.strip()
        day_first, how = _order(texts)
        column = pandas.to_datetime(
            texts.where(texts != ""), errors="coerce", utc=True, format="mixed", dayfirst=day_first
        )
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy().astype("datetime64[s]"), how


def _order(texts: Any) -> tuple[bool, str]:
    known = texts[texts != ""]
    if known.str.fullmatch(DAY_FIRST).mean() > 0.5:
        return True, "day.month.year"
    slashed = known[known.str.fullmatch(SLASHED)]
    if len(slashed) * 2 <= len(known):
        return False, "ISO 8601"
    first = slashed.str.extract(r"(\d+)")[0].astype(int)
    return (True, "day/month/year") if (first > 12).any() else (False, "month/day/year")


def iso_dates(values: np.ndarray) -> np.ndarray:
    """ISO 8601 strings, without the time of day if no row has one; "" for missing values."""
    days = values.astype("datetime64[D]")
    none = np.isnat(values)
    whole = bool((days[~none] == values[~none]).all())
    made = np.datetime_as_string(days if whole else values).astype(object)
    made[none] = ""
    return made


def missing(column: Any) -> np.ndarray:
    """Which values of a column are missing; an empty string counts as missing."""
    mask: np.ndarray = column.isna().to_numpy()
    return mask | (strings(column) == "") if is_text(column) else mask


def first(column: Any, mask: np.ndarray) -> str:
    """The first value of a mask, for an error."""
    return str(column.iloc[int(np.argmax(mask))])


def missing_count(column: Any) -> int:
    if isinstance(column, np.ndarray):
        return int(np.isnan(column).sum()) if column.dtype.kind == "f" else 0
    return int(missing(column).sum())


def distinct_count(column: Any) -> int:
    if isinstance(column, np.ndarray):
        return 0
    try:
        return int(column.nunique())
    except TypeError:
        # Lists and dictionaries cannot be counted.
        return int(column.dropna().map(repr).nunique())
