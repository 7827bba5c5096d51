"""Descriptions of the columns of a table, which recommender models are made of."""

import dataclasses
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from keras_hadamard._core.checks import non_negative, positive_int, received

# What inputs of a Keras model, and the signatures of an exported one, can be called.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, which are standardised: `(x - mean) / sqrt(variance)`.

    A missing number, NaN, counts as the mean.

    Args:
        name: String, the name of the column and of the model's input.
        mean: Number, the mean of the training data. Defaults to `0.0`.
        variance: Number, their variance; `0` counts as 1. Defaults to `1.0`.
        embedding_dim: Integer, the width of the column's vector, which is a learned vector times
            the number. Defaults to `None`, that of the model.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> keras_hadamard.models.NumberColumn("price", mean=20.0, variance=25.0).kind
    'number'
    """

    kind: ClassVar[str] = "number"
    name: str
    mean: float = 0.0
    variance: float = 1.0
    embedding_dim: int | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        non_negative("variance", self.variance)
        if self.embedding_dim is not None:
            positive_int("embedding_dim", self.embedding_dim)


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: strings or integers, one for each row.

    Categories become ids: 0 is missing (`""` or -1), then, of a `vocabulary`, 1 is any other value
    and each known one has its own; in `buckets`, values are hashed to the rest of them; integers
    below a `size` are ids already, and others are missing.

    Args:
        name: String, the name of the column and of the model's input.
        vocabulary: Sequence of strings, or of integers, the known values. Defaults to `None`.
        buckets: Integer, the number of hash buckets, at least 2. Defaults to `None`.
        size: Integer, what all values are below. Defaults to `None`.
        shares: String, the name of a column whose ids and embedding this one uses. Exactly one of
            these four is given. Defaults to `None`.
        embedding_dim: Integer, the width of the embedding. Defaults to `None`, that of the model.
        dtype: `"string"` or `"int64"`, what is hashed to `buckets`. Defaults to `"string"`.

    Raises:
        ValueError: If an argument is out of range, or not exactly one of the four is given.

    Example:

    >>> keras_hadamard.models.CategoryColumn("city", vocabulary=("Bern", "Basel")).kind
    'category'
    """

    kind: ClassVar[str] = "category"
    name: str
    vocabulary: Sequence[Any] | None = None
    buckets: int | None = None
    size: int | None = None
    shares: str | None = None
    embedding_dim: int | None = None
    dtype: str = "string"

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_ids(self)


@dataclass(frozen=True)
class SequenceColumn:
    """A column of sequences of categories, such as the items that somebody looked at before.

    Sequences are padded at their end by missing values, `""` or -1. The other values become ids as
    in `CategoryColumn`, most often those of another column, by `shares`.

    Args:
        name: String, the name of the column and of the model's input.
        vocabulary: Sequence of strings, or of integers, the known values. Defaults to `None`.
        buckets: Integer, the number of hash buckets, at least 2. Defaults to `None`.
        size: Integer, what all values are below. Defaults to `None`.
        shares: String, the name of a column whose ids and embedding this one uses. Exactly one of
            these four is given. Defaults to `None`.
        embedding_dim: Integer, the width of the embedding. Defaults to `None`, that of the model.
        dtype: `"string"` or `"int64"`, what is hashed to `buckets`. Defaults to `"string"`.
        length: Integer, the most values that are kept, the last ones. Defaults to `None`, all.

    Raises:
        ValueError: If an argument is out of range, or not exactly one of the four is given.

    Example:

    >>> keras_hadamard.models.SequenceColumn("history", shares="item", length=50).kind
    'sequence'
    """

    kind: ClassVar[str] = "sequence"
    name: str
    vocabulary: Sequence[Any] | None = None
    buckets: int | None = None
    size: int | None = None
    shares: str | None = None
    embedding_dim: int | None = None
    dtype: str = "string"
    length: int | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_ids(self)
        if self.length is not None:
            positive_int("length", self.length)


Column = NumberColumn | CategoryColumn | SequenceColumn
KINDS: dict[str, Any] = {c.kind: c for c in (NumberColumn, CategoryColumn, SequenceColumn)}


def columns_of(
    frame: Any,
    target: str | Collection[str] = (),
    categories: Collection[str] = (),
    buckets: Mapping[str, int] | None = None,
    shares: Mapping[str, str] | None = None,
    embedding_dims: Mapping[str, int] | None = None,
    least: int = 1,
) -> list[Any]:
    """Describes the columns of a table of training data.

    Floats and integers are numbers; strings, booleans and the integers in `categories` are
    categories; lists are sequences of categories. The most frequent values have the first ids.

    Args:
        frame: A pandas `DataFrame`, or a mapping from names to arrays or lists of one length.
        target: Name, or names, of columns that are no inputs. Defaults to `()`.
        categories: Names of columns of integers that are categories. Defaults to `()`.
        buckets: Mapping from names of categories or sequences, which are hashed, to the number of
            their buckets. Defaults to `None`.
        shares: Mapping from names to those of the columns whose ids and embeddings they use; the
            values of both are in the vocabulary. Defaults to `None`.
        embedding_dims: Mapping from names to the widths of their embeddings. Defaults to `None`.
        least: Integer, how often a value has to occur to have its own id. Defaults to `1`.

    Returns:
        A list of `NumberColumn`, `CategoryColumn` and `SequenceColumn`, in the order of the table.

    Raises:
        ValueError: If a name is not in the table, or a column holds something else.

    Example:

    >>> frame = {"age": [31, 52], "city": ["Bern", "Basel"], "seen": [["a", "b"], []]}
    >>> [column.kind for column in keras_hadamard.models.columns_of(frame)]
    ['number', 'category', 'sequence']
    """
    buckets, shares, widths = dict(buckets or {}), dict(shares or {}), dict(embedding_dims or {})
    targets = {target} if isinstance(target, str) else set(target)
    names = [str(name) for name in frame]
    asked = {*targets, *categories, *buckets, *shares, *shares.values(), *widths}
    if unknown := sorted(asked - set(names)):
        raise received("names of columns of the table", unknown=unknown, columns=names)
    values = {name: values_of(frame, name) for name in names if name not in targets}
    found: list[Any] = []
    for name, column in values.items():
        width = widths.get(name)
        kind = kind_of(column)
        if kind == "integer":
            kind = "category" if name in {*categories, *buckets, *shares} else "number"
        if kind == "number":
            numbers = column.astype("float64")
            known = numbers[np.isfinite(numbers)]
            mean, variance = (float(known.mean()), float(known.var())) if known.size else (0.0, 1.0)
            found.append(NumberColumn(name, mean, variance, width))
            continue
        make: Any = SequenceColumn if kind == "sequence" else CategoryColumn
        users = [name, *(user for user, owner in shares.items() if owner == name)]
        flat = [value for user in users for value in known_values(values[user])]
        if name in shares:
            found.append(make(name, shares=shares[name]))
        elif name in buckets:
            dtype = "int64" if flat and not isinstance(flat[0], str) else "string"
            found.append(make(name, buckets=buckets[name], embedding_dim=width, dtype=dtype))
        else:
            counts = Counter(flat)
            often = [value for value, count in counts.items() if count >= least]
            often.sort(key=lambda value: (-counts[value], value))
            if not often:
                raise received(
                    "a category to have known values", column=name, least=least, found=len(counts)
                )
            found.append(make(name, vocabulary=tuple(often), embedding_dim=width))
    return found


def checked(columns: Iterable[Any]) -> list[Any]:
    """The columns, of which each may be its configuration, after a check that they fit together."""
    if isinstance(columns, str | Mapping) or not isinstance(columns, Iterable):
        raise received("`columns` to be a list of columns", columns=type(columns).__name__)
    found = [_from_config(column) for column in columns]
    if not found:
        raise received("`columns` to be one or more", columns=[])
    names = [column.name for column in found]
    if len(set(names)) < len(names):
        raise received("columns of different names", names=names)
    by_name = dict(zip(names, found, strict=True))
    for column in found:
        owner = getattr(column, "shares", None)
        if owner is None:
            continue
        if owner not in by_name or getattr(by_name[owner], "shares", owner) is not None:
            raise received(
                "`shares` to be the name of a category or sequence with ids of its own",
                column=column.name,
                shares=owner,
            )
    return found


def config_of(column: Any) -> dict[str, Any]:
    """The arguments of a column as plain values, without those of their defaults."""
    fields = {field.name: field.default for field in dataclasses.fields(column)}
    arguments = {k: v for k, v in dataclasses.asdict(column).items() if v != fields[k]}
    if "vocabulary" in arguments:
        arguments["vocabulary"] = [
            value if isinstance(value, str) else int(value) for value in arguments["vocabulary"]
        ]
    return {"kind": column.kind, **arguments}


def _from_config(column: Any) -> Any:
    if isinstance(column, tuple(KINDS.values())):
        return column
    if not isinstance(column, Mapping) or column.get("kind") not in KINDS:
        raise received(
            "a NumberColumn, CategoryColumn or SequenceColumn, or its configuration", column=column
        )
    arguments = {k: v for k, v in column.items() if k != "kind"}
    if arguments.get("vocabulary") is not None:
        arguments["vocabulary"] = tuple(arguments["vocabulary"])
    return KINDS[column["kind"]](**arguments)


def values_of(frame: Any, name: str) -> np.ndarray:
    """A column of a table as an array; lists of several lengths as objects."""
    if name not in frame:
        raise received("a table with all columns of the model", missing=name)
    column = frame[name]
    if hasattr(column, "to_numpy"):
        return np.asarray(column.to_numpy())
    if isinstance(column, np.ndarray):
        return column
    if any(isinstance(value, list | tuple | np.ndarray) for value in column):
        array = np.empty(len(column), object)
        array[:] = [list(value) for value in column]
        return array
    return np.asarray(column)


def kind_of(column: np.ndarray) -> str:
    """`"number"`, `"integer"`, `"category"` or `"sequence"`."""
    if column.ndim == 2:
        return "sequence"
    if column.ndim != 1:
        raise received("columns of one value or one sequence a row", shape=column.shape)
    if column.dtype.kind in "f":
        return "number"
    if column.dtype.kind in "iu":
        return "integer"
    if column.dtype.kind in "US" or column.dtype.kind == "b":
        return "category"
    known = [value for value in column if not is_missing(value)]
    if known and all(isinstance(value, list | tuple | np.ndarray) for value in known):
        return "sequence"
    if all(isinstance(value, str | bool | np.bool_) for value in known):
        return "category"
    if all(isinstance(value, int | np.integer) for value in known):
        return "integer"
    raise received(
        "numbers, strings, booleans, or lists of these; dates, for example, become numbers first",
        dtype=str(column.dtype),
        first=next(iter(known), None),
    )


def known_values(column: np.ndarray) -> list[Any]:
    """All values, those within sequences too, without missing ones."""
    parts = column if kind_of(column) == "sequence" else [column]
    return [
        plain(value)
        for part in parts
        if not (isinstance(part, float | str) or part is None)
        for value in part
        if not is_missing(value)
    ]


def plain(value: Any) -> Any:
    """A string or an integer: booleans are 0 and 1."""
    return str(value) if isinstance(value, str | bytes) else int(value)


def is_missing(value: Any) -> bool:
    if isinstance(value, list | tuple | np.ndarray):
        return False
    if isinstance(value, str):
        return value == ""
    # NaN, pandas's NA and NaT differ from themselves or say so.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return bool(value != value) or (not isinstance(value, bool) and value == -1)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise received(
            "the name of a column to have letters of ASCII, digits, `_`, `.` and `-` only; rename "
            "it before",
            name=name,
        )


def _check_ids(column: Any) -> None:
    given = [
        name
        for name in ("vocabulary", "buckets", "size", "shares")
        if getattr(column, name) is not None
    ]
    if len(given) != 1:
        raise received(
            "exactly one of `vocabulary`, `buckets`, `size` and `shares`",
            column=column.name,
            given=given,
        )
    if column.buckets is not None and positive_int("buckets", column.buckets) < 2:
        raise received("`buckets` to be at least 2", buckets=column.buckets)
    if column.size is not None:
        positive_int("size", column.size)
    if column.embedding_dim is not None:
        positive_int("embedding_dim", column.embedding_dim)
    if column.dtype not in ("string", "int64"):
        raise received('`dtype` to be "string" or "int64"', dtype=column.dtype)
    if column.vocabulary is not None:
        strings = {isinstance(value, str) for value in column.vocabulary}
        if len(strings) != 1 or len(set(column.vocabulary)) < len(column.vocabulary):
            raise received(
                "`vocabulary` to be different strings, or different integers", column=column.name
            )
