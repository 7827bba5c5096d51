"""All three splits of a data set, with a maximum number of rows each."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.datasets import _splits, _values
from keras_hadamard.datasets._options import Options
from keras_hadamard.datasets._table import Table, import_pandas
from keras_hadamard.datasets._task import Targets
from keras_hadamard.datasets.split import SPLITS


def divided(
    tables: Mapping[str, Table], targets: Targets, options: Options
) -> tuple[dict[str, Table], Targets, dict[str, np.ndarray]]:
    """All three splits, with at most `limit` rows each."""
    train = tables["train"]
    strata = targets.splits["train"] if targets.labelled else None
    division = _splits.Division(
        strata,
        None if options.group is None else _codes(train.columns[options.group]),
        None if options.time is None else _times(options.time, train),
    )
    given = {split: len(table) for split, table in tables.items()}
    rows = _splits.divide(given, division, options.share_of, options.seed)
    done: dict[str, Table] = {}
    arrays: dict[str, np.ndarray] = {}
    for split in SPLITS:
        origin = "train" if split in rows else split
        chosen = rows.get(split, np.arange(given.get(split, 0)))
        array = targets.splits[origin][chosen]
        few = _splits.draw(
            len(chosen), array if targets.labelled else None, options.limit, options.seed
        )
        if options.time is not None:
            few = np.sort(few)
        done[split] = tables[origin].take(chosen[few])
        arrays[split] = array[few]
    groups: dict[str, np.ndarray] = {}
    if options.group is not None:
        pandas = import_pandas()
        columns = [done[split].columns[options.group] for split in SPLITS]
        codes = _codes(pandas.concat(columns, ignore_index=True))
        ends = np.cumsum([len(column) for column in columns])[:-1]
        groups = dict(zip(SPLITS, np.split(codes, ends), strict=True))
    return done, Targets(targets.task, targets.classes, arrays), groups


def _codes(column: Any) -> np.ndarray:
    """Integers for the values; a row without a group gets its own."""
    if isinstance(column, np.ndarray):
        raise received("`group` to be a column, not an array", shape=column.shape)
    codes, values = import_pandas().factorize(column)
    alone = codes < 0
    codes[alone] = len(values) + np.arange(int(alone.sum()))
    return codes.astype("int32")


def _times(name: str, table: Table) -> np.ndarray:
    column = table.columns[name]
    if isinstance(column, np.ndarray):
        raise received("`time` to be a column, not an array", time=name, shape=column.shape)
    numbers = _values.loose_numbers(column)
    written = _values.is_date(column) or (_values.is_text(column) and np.isnan(numbers).any())
    values = _values.dates(column)[0] if written else numbers
    missing = np.isnat(values) if values.dtype.kind == "M" else np.isnan(values)
    if missing.any():
        raise received(
            "`time` to be numbers or dates in each row",
            value=str(column.iloc[int(np.argmax(missing))]),
            **table.where(name, missing),
        )
    return values
