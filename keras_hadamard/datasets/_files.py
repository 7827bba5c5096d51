"""Data sets from a `.npz` file or a directory of `.npy` files, with or without a description."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard.datasets._raw import Rows, assemble
from keras_hadamard.datasets.arrays import KINDS, ArrayDataset

PREFIXES = {"train_": "train", "validation_": "validation", "val_": "validation", "test_": "test"}
_BROKEN = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def load_file(path: Path, *, seed: int, limit: int | None) -> ArrayDataset:
    """The `ArrayDataset` in a `.npz` file or a directory of `.npy` files."""
    arrays, spec = _read_directory(path) if path.is_dir() else _read_npz(path)
    splits = _by_split(arrays)
    target, kinds, sizes, classes = _describe(splits, spec)
    return assemble(
        path.stem,
        splits,
        target=target,
        kinds=kinds,
        vocabulary_sizes=sizes,
        classes=classes,
        seed=seed,
        limit=limit,
    )


def _read_npz(path: Path) -> tuple[Rows, Any]:
    arrays: Rows = {}
    name = ""
    try:
        # Opened here, as numpy leaves the file open when it turns out not to be an archive.
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


def _by_split(arrays: Rows) -> dict[str, Rows]:
    """Arrays named `train_image` and so on by split; without any such name, all are one split."""
    if not any(name.startswith("train_") for name in arrays):
        return {"train": arrays}
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


def _describe(
    splits: dict[str, Rows], spec: Any
) -> tuple[str, dict[str, str], dict[str, int | None], tuple[str, ...] | None]:
    """Target name, kinds, vocabulary sizes and class names, from the description or the arrays."""
    if not isinstance(spec, dict) or set(spec) - {"target", "inputs", "classes"}:
        raise received("the description to have `target`, `inputs` and `classes` only", spec=spec)
    rows = splits["train"]
    for name, array in rows.items():
        if array.ndim == 0:
            raise received(f"`{name}` to have a first dimension of examples", shape=array.shape)
    target = spec.get("target", "target")
    if not isinstance(target, str) or target not in rows:
        raise received(f"a target array named {target!r}", arrays=sorted(rows))
    described = spec.get("inputs", {key: {} for key in sorted(rows) if key != target})
    if not isinstance(described, dict) or not described:
        raise received("a dictionary of at least one input", inputs=described)
    kinds: dict[str, str] = {}
    sizes: dict[str, int | None] = {}
    for key, given in described.items():
        if key not in rows or key == target:
            raise received(f"an input array named {key!r}", arrays=sorted(rows))
        if not isinstance(given, dict) or set(given) - {"kind", "vocabulary_size"}:
            raise received(f"`kind` and `vocabulary_size` for input {key!r}", given=given)
        kinds[key] = given.get("kind") or _infer_kind(key, rows[key])
        if kinds[key] not in KINDS:
            raise received(f"the kind of {key!r} to be one of {KINDS}", kind=kinds[key])
        size = given.get("vocabulary_size")
        sizes[key] = None if size is None else positive_int("vocabulary_size", size)
    classes = spec.get("classes")
    if classes is not None and not isinstance(classes, list):
        raise received("`classes` to be a list of names", classes=classes)
    return target, kinds, sizes, None if classes is None else tuple(map(str, classes))


def _infer_kind(name: str, array: np.ndarray) -> str:
    kind = array.dtype.kind
    if array.ndim in (3, 4) and (kind == "f" or array.dtype == np.uint8):
        return "image"
    if array.ndim == 2 and kind in "iuf":
        return "vector" if kind == "f" else "tokens"
    if array.ndim == 1 and kind == "f":
        return "vector"
    raise received(
        f"`{name}` to be images (rank 3 or 4, float or uint8), tokens (a matrix of integers) or "
        "vectors (a matrix of floats), or a description that gives its kind",
        dtype=str(array.dtype),
        shape=array.shape,
    )
