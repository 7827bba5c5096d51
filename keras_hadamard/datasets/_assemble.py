"""Steps from read data to an `ArrayDataset`: targets, splits, kinds, encoders, arrays, warnings."""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_hadamard._core.checks import near, received
from keras_hadamard.datasets import _findings, _kinds, _values
from keras_hadamard.datasets._columns import columns_of
from keras_hadamard.datasets._division import divided
from keras_hadamard.datasets._fitting import Fitted, fit
from keras_hadamard.datasets._options import Options
from keras_hadamard.datasets._preprocessing import apply, model_of
from keras_hadamard.datasets._table import Source, Table
from keras_hadamard.datasets._targets import encode_targets, find_targets, known_targets
from keras_hadamard.datasets.arrays import SPLITS, ArrayDataset, Split

_RAW_ROWS = 8


def assemble(source: Source, options: Options) -> ArrayDataset:
    """The data set made of the read data."""
    notes = list(source.warnings)
    names = find_targets(source, options.target)
    _check_splits(source, options, names)
    whole = {split: source.splits[split] for split in SPLITS if split in source.splits}
    kept = {
        split: _with_targets(split, table, names, options.task, notes)
        for split, table in whole.items()
    }
    targets = encode_targets(kept, names, options.task, source, notes)
    tables, targets, groups = divided(kept, targets, options)
    kinds = _kinds_of(tables["train"], names, source, options, notes)
    inputs = [name for name, kind in kinds.items() if kind not in ("id", "drop")]
    if not inputs:
        raise received("at least one input column", dropped=list(kinds), target=list(names))
    notes += _findings.leaks(tables["train"], inputs, targets)
    fitted = fit(tables, {name: kinds[name] for name in inputs}, options.kinds or {}, source, notes)
    model = model_of(fitted.encoders)
    arrays = apply(model, fitted.raw)
    splits = {
        split: Split(arrays[split], targets.splits[split], groups.get(split)) for split in SPLITS
    }
    specs = {one.name: one.spec for one in fitted.encoders}
    changed = any(one.changes for one in fitted.encoders)
    notes += _findings.of_classes(targets)
    notes += _findings.of_size(specs, len(splits["train"]))
    notes += _findings.duplicates(splits)
    return ArrayDataset(
        source.name,
        specs,
        classes=targets.classes,
        task=targets.task,
        columns=tuple(columns_of(whole, names, targets, kinds, fitted, options)),
        warnings=tuple(" ".join(note.split()) for note in notes),
        preprocessing=model if changed else None,
        raw=_raw(fitted) if changed else None,
        **splits,
    )


def _check_splits(source: Source, options: Options, names: tuple[str, ...]) -> None:
    if "train" not in source.splits:
        raise received("a train split", splits=sorted(source.splits))
    train = source.splits["train"]
    options.check_columns(list(train.columns), names)
    for split, table in source.splits.items():
        for name in train.columns:
            if name not in table.columns:
                raise received(
                    f"the columns of train in {table.origin}{near(name, table.columns)}",
                    missing=name,
                    columns=list(table.columns)[:50],
                )
            if not len(table):
                raise received(f"{split} to have examples", examples=0)
            mine, its = train.columns[name], table.columns[name]
            if isinstance(mine, np.ndarray) != isinstance(its, np.ndarray) or (
                isinstance(mine, np.ndarray) and mine.shape[1:] != its.shape[1:]
            ):
                raise received(
                    f"`{name}` of {split} to have the shape of train",
                    train=mine.shape[1:],
                    shape=its.shape[1:],
                )


def _with_targets(
    split: str, table: Table, names: tuple[str, ...], task: str | None, notes: list[str]
) -> Table:
    known = known_targets(table, names, task)
    if known.all():
        return table
    lost = int((~known).sum())
    if lost == len(table):
        raise received("rows with a target", target=list(names), missing=lost, source=table.origin)
    where = "" if split == "train" else f" of {split}"
    notes.append(f"{lost:,} of {len(table):,} rows{where} have no target and were dropped.")
    kept = table.take(np.flatnonzero(known))
    # Missing values turned integers into floats.
    whole = {name: _values.as_integers(kept.columns[name]) for name in names}
    return replace(kept, columns={**kept.columns, **whole})


def _kinds_of(
    train: Table, targets: tuple[str, ...], source: Source, options: Options, notes: list[str]
) -> dict[str, str]:
    """The kind of each column, except the target, `group` and `time`."""
    apart = {*targets, options.group, options.time}
    listed = source.inputs if source.inputs is not None else list(train.columns)
    asked = {**source.kinds, **(options.kinds or {})}
    kinds: dict[str, str] = {}
    constant: list[str] = []
    for name in listed:
        if name in apart:
            continue
        kind = asked.get(name) or _kinds.infer_kind(name, train, notes)
        column = train.columns[name]
        if name not in asked:
            if kind == "drop" or (not isinstance(column, np.ndarray) and _is_constant(column)):
                constant.append(name)
                kind = "drop"
            elif kind == "id":
                notes.append(
                    f"`{name}` differs in each row, like an id: dropped unless kinds= gives "
                    "its kind."
                )
        elif kind not in ("drop", "id", "image", "tokens", "vector") and isinstance(
            column, np.ndarray
        ):
            raise received(
                f"the kind of {name!r} to be 'image', 'tokens' or 'vector', for an array",
                kind=kind,
                shape=column.shape,
            )
        kinds[name] = kind
    if constant:
        notes.append(f"The same value in all training rows, dropped: {_listed(constant)}.")
    return kinds


def _is_constant(column: Any) -> bool:
    try:
        return bool(column.nunique(dropna=False) < 2)
    except TypeError:
        return False


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(f"`{name}`" for name in names[:5]) + more


def _raw(fitted: Fitted) -> dict[str, np.ndarray]:
    return {key: array[:_RAW_ROWS] for key, array in fitted.raw["test"].items()}
