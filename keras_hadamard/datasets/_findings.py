"""Suspicious properties of a data set, each as a sentence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_hadamard.datasets import _values
from keras_hadamard.datasets._table import Table, import_pandas
from keras_hadamard.datasets._task import Targets
from keras_hadamard.datasets.input_spec import InputSpec
from keras_hadamard.datasets.split import SPLITS, Split

_FEW_ROWS = 5
# For correlation coefficients: the rest is rounding errors of float32.
_SAME = 1 - 1e-9
_SHOWN = 5


def leaks(table: Table, names: Sequence[str], targets: Targets) -> Iterator[str]:
    """Columns of training that equal the target, or determine it."""
    pandas = import_pandas()
    for name in names:
        column = table.columns[name]
        if isinstance(column, np.ndarray) or not len(column):
            continue
        try:
            codes, values = pandas.factorize(column)
        except TypeError:
            continue
        for title, target in _columns_of(targets, targets.splits["train"]):
            if targets.task == "regression":
                told = _is_linear(_values.loose_numbers(column), target)
            else:
                told = _tells(codes, len(values), target)
            if told:
                yield (
                    f"`{name}` determines the target `{title}`: is it known before the prediction?"
                )


def _columns_of(targets: Targets, array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    if array.ndim == 1:
        yield (targets.classes[0] if targets.task == "regression" else "class"), array
    else:
        yield from zip(targets.classes, array.T, strict=True)


def _is_linear(column: np.ndarray, target: np.ndarray) -> bool:
    known = np.isfinite(column)
    if known.sum() < 3 or known.mean() < 0.5:
        return False
    x, y = column[known], target[known].astype("float64")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return False
    return bool(abs(np.corrcoef(x, y)[0, 1]) > _SAME)


def _tells(codes: np.ndarray, distinct: int, target: np.ndarray) -> bool:
    """Whether each value of a column occurs with one class only, in enough rows."""
    known = codes >= 0
    codes, target = codes[known], target[known]
    if distinct < 2 or not known.mean() > 0.5 or distinct * _FEW_ROWS > len(codes):
        return False
    if len(np.unique(target)) < 2:
        return False
    pairs = np.unique(codes.astype("int64") * (int(target.max()) + 1) + target)
    return len(pairs) == distinct


def of_classes(targets: Targets) -> Iterator[str]:
    """Classes and labels with no or few rows in training."""
    train = targets.splits["train"]
    if targets.task == "regression":
        return
    if targets.labelled:
        counts = np.bincount(train, minlength=len(targets.classes))
        whole = sum(
            np.bincount(array, minlength=len(targets.classes)) for array in targets.splits.values()
        )
    else:
        counts = train.sum(axis=0)
        whole = sum(array.sum(axis=0) for array in targets.splits.values())
    what = "class" if targets.labelled else "label"
    plural = "classes" if targets.labelled else "labels"
    none, single, few = (
        [name for name, mine in zip(targets.classes, mask, strict=True) if mine]
        for mask in (
            counts == 0,
            (np.asarray(whole) == 1) & (counts == 1),
            (counts > 0) & (counts < _FEW_ROWS) & (np.asarray(whole) > 1),
        )
    )
    if none:
        yield f"No training rows: {what if len(none) == 1 else plural} {_some(none)}."
    if single:
        yield (
            f"One row only, which is in training: {what if len(single) == 1 else plural} "
            f"{_some(single)}."
        )
    if few:
        yield (
            f"Fewer than {_FEW_ROWS} training rows: {what if len(few) == 1 else plural} "
            f"{_some(few)}."
        )


def of_size(inputs: Mapping[str, InputSpec], rows: int) -> Iterator[str]:
    features = sum(spec.shape[0] for spec in inputs.values() if spec.kind in ("vector", "fields"))
    if features > rows:
        yield f"Training has fewer rows ({rows:,}) than features ({features:,})."


def duplicates(splits: Mapping[str, Split]) -> Iterator[str]:
    """Rows of validation and test that are also in training, with inputs and target."""
    hashes = {name: _hashes(splits[name]) for name in SPLITS}
    known = set(hashes["train"])
    # With few values in few columns, equal rows are normal.
    if len(known) * 2 < len(hashes["train"]):
        return
    for name in SPLITS[1:]:
        count = sum(row in known for row in hashes[name])
        if count:
            yield f"{count:,} of {len(splits[name]):,} rows of {name} are also in training."


def _hashes(split: Split) -> list[int]:
    arrays = [*split.inputs.values(), split.targets]
    flat = [np.ascontiguousarray(array.reshape(len(split), -1)) for array in arrays]
    return [hash(tuple(array[row].tobytes() for array in flat)) for row in range(len(split))]


def _some(names: Sequence[Any]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
