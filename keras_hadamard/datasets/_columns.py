"""Descriptions of the columns of a data set."""

from collections.abc import Iterable, Mapping

import numpy as np

from keras_hadamard.datasets import _values
from keras_hadamard.datasets._fitting import Fitted
from keras_hadamard.datasets._options import Options
from keras_hadamard.datasets._table import Table, import_pandas
from keras_hadamard.datasets._task import Targets
from keras_hadamard.datasets.column import Column


def columns_of(
    tables: Mapping[str, Table],
    names: tuple[str, ...],
    targets: Targets,
    kinds: Mapping[str, str],
    fitted: Fitted,
    options: Options,
) -> Iterable[Column]:
    pandas = import_pandas()
    phrases = fitted.phrases
    for name, first in tables["train"].columns.items():
        parts = [table.columns[name] for table in tables.values()]
        whole = parts if isinstance(first, np.ndarray) else [pandas.concat(parts)]
        distinct = _values.distinct_count(whole[0])
        missing = sum(_values.missing_count(part) for part in whole)
        role, kind, phrase = "dropped", kinds.get(name, "drop"), "not used"
        if name in names:
            role, kind = "target", targets.task
            phrase = {"regression": "numbers as they are", "multilabel": "0 or 1"}.get(
                kind, f"{len(targets.classes)} classes as indices"
            )
        elif name == options.group:
            role, kind, phrase = "group", "category", "rows of one group stay in one split"
        elif name == options.time:
            role, kind, phrase = "time", "date", "training is first, then validation, then test"
        elif name in phrases:
            role, phrase = "input", phrases[name]
        yield Column(
            name,
            kind,
            role,
            distinct,
            missing,
            phrase,
            fitted.keys[name] if role == "input" else "",
        )
