"""Rows as read: columns of a table, together with arrays of higher rank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.extras import require

if TYPE_CHECKING:
    import pandas


def import_pandas() -> Any:
    return require("pandas", "pandas", "keras_hadamard.datasets")


@dataclass(frozen=True, eq=False)
class Table:
    """Columns by name: each a pandas Series, or an array of more than one dimension.

    `rows` has the number of each row in its source, counted from 1, and `origin` names the source;
    paths of images are relative to `folder`.
    """

    columns: "dict[str, pandas.Series | np.ndarray]"
    rows: np.ndarray
    origin: str
    folder: Path = Path()

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: np.ndarray) -> "Table":
        columns = {
            name: column[chosen] if isinstance(column, np.ndarray) else column.iloc[chosen]
            for name, column in self.columns.items()
        }
        return replace(self, columns=columns, rows=self.rows[chosen])

    def where(self, column: str, mask: np.ndarray) -> dict[str, Any]:
        """The column and the first row of the mask, for an error."""
        return {"column": column, "row": int(self.rows[np.argmax(mask)]), "source": self.origin}


@dataclass
class Source:
    """The read data, and its description by a file, by TFDS or by folders."""

    name: str
    splits: dict[str, Table]
    target: str | None = None
    inputs: Sequence[str] | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    vocabulary_sizes: dict[str, int] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    warnings: list[str] = field(default_factory=list)
    # Integers in a file of arrays are usually class indices.
    arrays: bool = False


def table_of(columns: Mapping[str, Any], origin: str, folder: Path = Path()) -> Table:
    """A table of arrays with a common first dimension."""
    pandas = import_pandas()
    made: dict[str, Any] = {}
    for name, values in columns.items():
        if isinstance(values, pandas.Series):
            made[str(name)] = _expanded(values.reset_index(drop=True))
            continue
        array = np.asarray(values)
        if array.ndim == 0:
            raise received(f"`{name}` to have a first dimension of examples", shape=array.shape)
        if 0 in array.shape[1:]:
            raise received(f"`{name}` without a 0 in the shape of an example", shape=array.shape)
        if array.ndim > 1 and array.dtype.kind not in "iufb":
            raise received(f"`{name}` to have numbers, or to be one column", dtype=str(array.dtype))
        made[str(name)] = array if array.ndim > 1 else _expanded(pandas.Series(array))
    lengths = {name: len(column) for name, column in made.items()}
    if len(set(lengths.values())) > 1:
        raise received(f"the columns of {origin} to be equally long", **lengths)
    if len(made) < len(columns):
        raise received("different names of columns", columns=[str(name) for name in columns])
    count = next(iter(lengths.values()), 0)
    return Table(made, np.arange(1, count + 1), origin, folder)


def table_of_frame(frame: Any, origin: str, folder: Path = Path()) -> Table:
    """A table of a pandas DataFrame with unique names of columns."""
    names = [str(name) for name in frame.columns]
    repeated = (
        sorted({name for name in names if names.count(name) > 1})
        if len(set(names)) < len(names)
        else []
    )
    if repeated:
        raise received(f"unique column names in {origin}", repeated=repeated)
    if not names:
        raise received(f"columns in {origin}", columns=[])
    if not len(frame):
        raise received(f"rows in {origin}, which has a header only", columns=names[:20])
    return table_of({name: frame.iloc[:, i] for i, name in enumerate(names)}, origin, folder)


def _expanded(column: Any) -> Any:
    """An array from a column of lists of numbers, if all have the same length."""
    if column.dtype != object:
        return column
    first = next((value for value in column if value is not None), None)
    if not isinstance(first, (list, tuple, np.ndarray)):
        return column
    try:
        array = np.stack([np.asarray(value) for value in column])
    except ValueError:
        return column
    return array if array.dtype.kind in "iuf" and array.ndim > 1 and array.shape[1] else column
