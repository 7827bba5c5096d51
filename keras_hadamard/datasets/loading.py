"""The loader of any kind of data as arrays."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_hadamard._core.checks import near, received
from keras_hadamard.datasets import _images
from keras_hadamard.datasets._assemble import assemble
from keras_hadamard.datasets._files import bunch_of, load_file, source_of
from keras_hadamard.datasets._options import Options
from keras_hadamard.datasets._table import Source, table_of_frame
from keras_hadamard.datasets._tables import TABLE_SUFFIXES, load_table, suffix_of
from keras_hadamard.datasets.arrays import ArrayDataset

if TYPE_CHECKING:
    import pandas

PathLike = str | os.PathLike[str]


def load_arrays(
    source: "PathLike | pandas.DataFrame | Mapping[str, Any]",
    *,
    target: str | Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    test: "PathLike | pandas.DataFrame | Mapping[str, Any] | None" = None,
    shares: Sequence[float] = (0.15, 0.15),
    group: str | None = None,
    time: str | None = None,
    task: str | None = None,
    data_dir: PathLike | None = None,
    seed: int = 0,
    limit: int | None = None,
) -> ArrayDataset:
    """Loads any data set as named arrays in three splits, with the model that made the arrays.

    `source` is one of

    - a table: a CSV or TSV file (also `.gz`; separator and encoding are found), Parquet, Feather,
      JSON lines (`.jsonl`, `.ndjson`), a pandas DataFrame, or a dictionary of columns. A column may
      hold paths of images, relative to the table's file;
    - a folder of images by class, `folder/<class>/1.png`, optionally below `train`, `validation`
      and `test`. All get one size: their common one, or a square of their median side, at most 64;
    - arrays: a `.npz` file, a directory of `.npy` files or a dictionary, with arrays named
      `train_image`, `train_target`, `test_image`, ... or, to be split here, `image`, `target`, ...
      A description, `NAME.json` next to `NAME.npz`, an array `spec` within it, or `spec.json` in
      the directory, may give `{"target": "label", "inputs": {"image": {"kind": "image"}, "words":
      {"kind": "tokens", "vocabulary_size": 50}}, "classes": ["no", "yes"]}`;
    - a data set of this package, `"digits_vqa"` or `"sort_of_clevr"` (with `/full`, `/tiny`), made
      without a network, or any other TFDS name.

    Kinds of columns are inferred, and statistics come only from the training split: numbers and
    dates become one standardised vector, `numbers`; categories ids, `categories`; each text tokens,
    each image pixels in [0, 1], under their own names. Missing numbers become the mean and get an
    indicator, missing categories an id, and so do values that are not in training. Columns that
    differ in each row, like an id, or that never differ are dropped. `columns` has the inferred
    properties, `warnings` the suspicious ones, and `preprocessing` repeats the encoding in an
    exported graph: requests carry the columns, numbers as floats (NaN where missing), text
    categories, texts and ISO 8601 dates as strings ("" where missing), integer categories as
    integers. `Column.key` is the name in requests if a column's own is impossible.

    Args:
        source: String, path, DataFrame or dictionary. A string without a path separator is a name
            unless such a file exists.
        target: String, or list of strings: the columns to predict. Several columns of 0 and 1 are
            labels, others are numbers. Defaults to `None`, the column called target, label, class
            or y.
        kinds: Dictionary from column to `"number"`, `"category"`, `"text"`, `"image"`, `"tokens"`,
            `"vector"`, `"date"`, `"id"` or `"drop"`, to override the inferred kind. Defaults to
            `None`.
        test: The rows to test on, like `source`, with the same columns. Defaults to `None`.
        shares: Pair of floats, the shares of validation and test, if these are missing. Classes
            keep their shares in each split. Defaults to `(0.15, 0.15)`.
        group: String, a column; rows with equal values stay in one split. Defaults to `None`.
        time: String, a column that orders the rows: training first, then validation, then test.
            Defaults to `None`.
        task: String, `"binary"`, `"multiclass"`, `"multilabel"` (a column of lists, or of strings
            such as `"a;b"`) or `"regression"`. Defaults to `None`, inferred from the target.
        data_dir: String or path, where TFDS keeps prepared data. Defaults to `None`, TFDS's own.
        seed: Integer, the seed of the draw of missing splits and limited examples. Defaults to `0`.
        limit: Positive integer, the maximum number of examples of a split. Defaults to `None`, all.

    Returns:
        An `ArrayDataset`.

    Raises:
        ValueError: If there is no such data set, column or option, or a file is unreadable or is
            not a data set. One line names the file, column, row or option.
        ImportError: If pandas, pyarrow, scikit-learn or TFDS is needed and not installed.

    Example:

    >>> import keras_hadamard, pandas
    >>> rows = {"height": [1.5, 1.8, None, 1.7] * 25, "city": ["Rome", "Oslo"] * 50}
    >>> table = pandas.DataFrame(rows | {"label": ["yes", "no", "no", "yes"] * 25})
    >>> data = keras_hadamard.datasets.load_arrays(table)
    >>> data.task, data.inputs["numbers"].shape, data.inputs["categories"].vocabulary_sizes
    ('binary', (2,), (4,))
    >>> [column.encoding for column in data.columns][:1]
    ['standardised, missing indicator']
    """
    options = Options(target, kinds, shares, group, time, task, seed, limit)
    read = _read(source, options, data_dir)
    if test is not None:
        other = _read(test, options, data_dir)
        if "test" in read.splits or len(other.splits) > 1:
            raise received("one test split", source=sorted(read.splits), test=sorted(other.splits))
        read.splits["test"] = other.splits["train"]
        read.warnings += other.warnings
    return assemble(read, options)


def _read(source: Any, options: Options, data_dir: PathLike | None) -> Source:
    if isinstance(source, Mapping) and "DESCR" in source:
        return bunch_of(source)
    if isinstance(source, Mapping):
        return source_of("arrays", {str(key): value for key, value in source.items()})
    if type(source).__name__ == "DataFrame":
        return Source("table", {"train": table_of_frame(source, "the DataFrame")})
    if not isinstance(source, (str, os.PathLike)) or not os.fspath(source):
        raise received(
            "`source` to be a name, a path, a DataFrame or a dictionary",
            source=source if isinstance(source, (str, int)) else type(source).__name__,
        )
    path = Path(source).expanduser()
    if not _is_path(source, path):
        # Imported here, as a file needs no TFDS.
        from keras_hadamard.datasets._tfds import load_tfds

        target = options.target if isinstance(options.target, str) else None
        made = load_tfds(os.fspath(source), data_dir=data_dir, target=target, limit=options.limit)
        return made
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise received(
            f"a file or directory that exists{near(path.name, beside)}", source=str(source)
        )
    return _read_directory(path) if path.is_dir() else _read_file(path)


def _read_file(path: Path) -> Source:
    if path.suffix == ".npz":
        return load_file(path)
    if suffix_of(path) not in TABLE_SUFFIXES:
        raise received(
            f"a .npz file or a directory, or a table: {', '.join(TABLE_SUFFIXES)}",
            source=str(path),
        )
    notes: list[str] = []
    table = load_table(path, notes)
    return Source(path.name.split(".")[0], {"train": table}, warnings=notes)


def _read_directory(path: Path) -> Source:
    if any(path.glob("*.npy")):
        return load_file(path)
    if not _images.is_image_folder(path):
        raise received(
            "a directory with .npy files, or with images in a folder for each class",
            source=str(path),
        )
    return _images.load_folder(path)


def _is_path(source: PathLike, path: Path) -> bool:
    if not isinstance(source, str) or suffix_of(path) in (".npz", ".npy", *TABLE_SUFFIXES):
        return True
    from keras_hadamard.datasets._tfds import OURS

    # A prepared data set or a folder of results may have one of our names here.
    return source.split("/")[0] not in OURS and (
        path.exists() or source.startswith((".", "/", "~"))
    )
