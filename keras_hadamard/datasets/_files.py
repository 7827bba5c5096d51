"""Data sets from a `.npz` file or a directory of `.npy` files, with or without a description."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard.datasets._kinds import COLUMN_KINDS
from keras_hadamard.datasets._table import Source, table_of

Rows = dict[str, Any]

PREFIXES = {"train_": "train", "validation_": "validation", "val_": "validation", "test_": "test"}
_BROKEN = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def load_file(path: Path) -> Source:
    """The arrays of a `.npz` file or a directory of `.npy` files."""
    arrays, spec = _read_directory(path) if path.is_dir() else _read_npz(path)
    source = source_of(path.stem, arrays)
    _describe(source, spec)
    return source


def source_of(name: str, arrays: Mapping[str, Any]) -> Source:
    """Arrays by name, optionally with the split as a prefix."""
    splits = {split: table_of(rows, name) for split, rows in _by_split(arrays).items()}
    arrays_too = any(isinstance(c, np.ndarray) for c in splits["train"].columns.values())
    return Source(name, splits, arrays=arrays_too)


def bunch_of(bunch: Mapping[str, Any]) -> Source:
    """The result of scikit-learn's loaders: a matrix and a target, with names for both."""
    data, target = np.asarray(bunch["data"]), np.asarray(bunch["target"])
    names = bunch.get("feature_names")
    if data.ndim == 2 and names is not None and len(names) == data.shape[1]:
        columns: Rows = dict(zip(map(str, names), data.T, strict=True))
    else:
        columns = {"data": data}
    titles = bunch.get("target_names")
    if target.ndim == 1 and target.dtype.kind in "iu" and titles is not None:
        target = np.asarray(titles).astype(object)[target]
    return source_of("data", {**columns, "target": target})


def _read_npz(path: Path) -> tuple[Rows, Any]:
    arrays: Rows = {}
    name = ""
    try:
        # Opened here, as numpy leaves the file open if it is not an archive.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("a single array")
            for name in archive.files:
                arrays[name] = archive[name]
    except _BROKEN as error:
        where = f"`{name}` in the file" if name else "the file"
        raise _unreadable(f"{where} to be .npz arrays of numbers", path, error) from error
    beside = path.with_suffix(".json")
    if "spec" in arrays:
        return arrays, _parse(str(arrays.pop("spec")), path)
    return arrays, _read_spec(beside)


def _read_directory(path: Path) -> tuple[Rows, Any]:
    arrays: Rows = {}
    for file in sorted(path.glob("*.npy")):
        try:
            arrays[file.stem] = np.load(file, allow_pickle=False)
        except _BROKEN as error:
            raise _unreadable("the file to be a .npy array of numbers", file, error) from error
    return arrays, _read_spec(path / "spec.json")


def _unreadable(expected: str, path: Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200]
    return received(expected, path=str(path), error=f"{type(error).__name__}: {reason}")


def _read_spec(path: Path) -> Any:
    if not path.exists():
        return {}
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable("the JSON description to be readable", path, error) from error
    return _parse(text, path)


def _parse(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _unreadable("the description to be JSON", path, error) from error


def _by_split(arrays: Mapping[str, Any]) -> dict[str, Rows]:
    """Arrays named `train_image` and so on by split; without such names, all are one split."""
    if not any(name.startswith("train_") for name in arrays):
        return {"train": dict(arrays)}
    splits: dict[str, Rows] = {}
    for name, array in arrays.items():
        prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
        if prefix is None:
            raise received(f"array names that start with one of {list(PREFIXES)}", name=name)
        splits.setdefault(PREFIXES[prefix], {})[name.removeprefix(prefix)] = array
    for split, rows in splits.items():
        if set(rows) != set(splits["train"]):
            raise received(f"{split} to have the arrays of train", got=sorted(rows))
    return splits


def _describe(source: Source, spec: Any) -> None:
    """Target name, kinds, vocabulary sizes and class names, from the description."""
    if not isinstance(spec, dict) or set(spec) - {"target", "inputs", "classes"}:
        raise received("the description to have `target`, `inputs` and `classes` only", spec=spec)
    names = list(source.splits["train"].columns)
    source.target = spec.get("target")
    if source.target is not None and source.target not in names:
        raise received(f"a target array named {source.target!r}", arrays=sorted(names))
    if "inputs" in spec:
        described = spec["inputs"]
        if not isinstance(described, dict) or not described:
            raise received("a dictionary of at least one input", inputs=described)
        for key, given in described.items():
            _describe_input(source, names, key, given)
        source.inputs = list(described)
    classes = spec.get("classes")
    if classes is not None and not isinstance(classes, list):
        raise received("`classes` to be a list of names", classes=classes)
    source.classes = None if classes is None else tuple(map(str, classes))


def _describe_input(source: Source, names: list[str], key: str, given: Any) -> None:
    if key not in names or key == source.target:
        raise received(f"an input array named {key!r}", arrays=sorted(names))
    if not isinstance(given, dict) or set(given) - {"kind", "vocabulary_size"}:
        raise received(f"`kind` and `vocabulary_size` for input {key!r}", given=given)
    if "kind" in given:
        source.kinds[key] = one_of(f"the kind of {key!r}", given["kind"], COLUMN_KINDS)
    if "vocabulary_size" in given:
        size = given["vocabulary_size"]
        source.vocabulary_sizes[key] = positive_int("vocabulary_size", size)
