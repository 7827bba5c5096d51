"""Tables from files: CSV and TSV, Parquet, Feather, JSON lines."""

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_hadamard._core.checks import received
from keras_hadamard._core.extras import require
from keras_hadamard.datasets._csv import find_separator, header_of, read_text
from keras_hadamard.datasets._table import Table, import_pandas, table_of_frame

_TEXT, _ARROW = (".csv", ".tsv", ".tab", ".txt"), (".parquet", ".pq", ".feather", ".arrow")
TABLE_SUFFIXES = (*_TEXT, *_ARROW, ".jsonl", ".ndjson", ".json")


def suffix_of(path: Path) -> str:
    """The suffix of the format, before `.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else path.suffix.lower()


def load_table(path: Path, notes: list[str]) -> Table:
    """The table in a file, read by its suffix."""
    readers: dict[str, Callable[[Path, list[str]], Any]] = {
        ".parquet": _read_parquet,
        ".pq": _read_parquet,
        ".feather": _read_feather,
        ".arrow": _read_feather,
        ".jsonl": _read_json_lines,
        ".ndjson": _read_json_lines,
        ".json": _read_json_lines,
    }
    frame = readers.get(suffix_of(path), _read_csv)(path, notes)
    return table_of_frame(frame, path.name, path.parent)


def _read_csv(path: Path, notes: list[str]) -> Any:
    pandas = import_pandas()
    text = read_text(path, notes)
    separator = find_separator(text, "\t" if suffix_of(path) in (".tsv", ".tab") else ",")
    names = header_of(text, separator)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise received(f"unique column names in {path.name}", repeated=repeated)
    try:
        with warnings.catch_warnings():
            # Rows that are too long, which pandas would truncate.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(
                io.StringIO(text), sep=separator, skipinitialspace=True, low_memory=False
            )
    except (ValueError, pandas.errors.ParserWarning) as error:
        raise _unreadable("a table of text", path, error) from error
    if not isinstance(frame.index, pandas.RangeIndex):
        # R writes row names without a name for their column.
        notes.append(
            f"Rows of {path.name} have one value more than the header: taken as row names."
        )
        frame = frame.reset_index(drop=True)
    frame.columns = [name.strip() for name in map(str, frame.columns)]
    return frame


def _read_parquet(path: Path, notes: list[str]) -> Any:
    parquet = require("pyarrow.parquet", "pyarrow", "keras_hadamard.datasets")
    return _frame("a Parquet file", path, lambda: parquet.read_table(path))


def _read_feather(path: Path, notes: list[str]) -> Any:
    feather = require("pyarrow.feather", "pyarrow", "keras_hadamard.datasets")
    return _frame("a Feather file", path, lambda: feather.read_table(path))


def _frame(expected: str, path: Path, read: Callable[[], Any]) -> Any:
    arrow = require("pyarrow", "pyarrow", "keras_hadamard.datasets")
    try:
        table = read()
        names = table.column_names
        if len(set(names)) == len(names):
            return table.to_pandas()
    # Arrow's errors are ValueErrors, OSErrors or others.
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise _unreadable(expected, path, error) from error
    repeated = sorted({name for name in names if names.count(name) > 1})
    raise received(f"unique column names in {path.name}", repeated=repeated)


def _read_json_lines(path: Path, notes: list[str]) -> Any:
    pandas = import_pandas()
    text = read_text(path, notes)
    rows = []
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise _unreadable("a JSON list of rows", path, error) from error
    else:
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                rows.append(_json_row(line, number, path))
    if not rows or not all(isinstance(row, dict) for row in rows):
        bad = next((i for i, row in enumerate(rows, start=1) if not isinstance(row, dict)), 0)
        raise received("a JSON object in each row", path=str(path), row=bad)
    return pandas.DataFrame(rows)


def _json_row(line: str, number: int, path: Path) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise received(
            "a JSON object in each line", path=str(path), line=number, error=str(error)
        ) from error


def _unreadable(expected: str, path: Path, error: Exception | Warning) -> ValueError:
    reason = " ".join(str(error).split())[:200]
    return received(f"the file to be {expected}", path=str(path), error=reason)
