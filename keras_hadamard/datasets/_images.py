"""Image files: a folder by class, or a column of paths, at one size."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard.datasets._kinds import IMAGE_SUFFIXES
from keras_hadamard.datasets._table import Source, Table, table_of

_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
# Larger images cost a small model more than they help; the median size is taken from this many.
_LARGEST_SIDE, _SAMPLE = 64, 200


def is_image_folder(folder: Path) -> bool:
    return any(True for _ in _images_below(folder))


def _images_below(folder: Path) -> Iterator[Path]:
    depths = ("*/*", "*/*/*")
    return (path for depth in depths for path in folder.glob(depth) if _is_image(path))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def load_folder(folder: Path) -> Source:
    """Images by class, `folder/<class>/<name>.png`, optionally below `train`, `test` and so on."""
    below = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    known = [name for name in below if name.lower() in _SPLIT_FOLDERS]
    splits = {name: _SPLIT_FOLDERS[name.lower()] for name in known}
    nested = {name for name in splits if any(_is_image(p) for p in below[name].glob("*/*"))}
    if nested:
        found: dict[str, Table] = {}
        for name in sorted(nested):
            if splits[name] in found:
                raise received("one folder of each split", folder=str(folder), again=name)
            found[splits[name]] = _by_class(folder, below[name])
        return Source(folder.name, found, target="class")
    return Source(folder.name, {"train": _by_class(folder, folder)}, target="class")


def _by_class(root: Path, folder: Path) -> Table:
    paths, classes = [], []
    for path in sorted(folder.glob("*/*")):
        if _is_image(path):
            paths.append(str(path.relative_to(root)))
            classes.append(path.parent.name)
    if not paths:
        raise received(f"images by class, such as {folder}/<class>/1.png", folder=str(folder))
    return table_of(
        {"image": np.array(paths, object), "class": np.array(classes, object)},
        str(folder),
        root,
    )


def read(name: str, splits: Mapping[str, Table]) -> tuple[dict[str, Any], str]:
    """uint8 images of each split at one size, and a description of the resizing."""
    train = splits["train"]
    some = _paths(name, train)
    sample = some[:: max(1, len(some) // _SAMPLE)]
    shapes = [_decode(path, 0).shape for path in sample]
    height, width = _size_of(shapes)
    channels = 1 if all(shape[2] < 3 for shape in shapes) else 3
    resized = any(shape[:2] != (height, width) for shape in shapes)
    made = {}
    for split, table in splits.items():
        paths = _paths(name, table)
        made[split] = np.empty((len(paths), height, width, channels), "uint8")
        for row, path in zip(made[split], paths, strict=True):
            row[...] = _resize(_decode(path, channels), height, width)
    how = "resized to" if resized else "of"
    return made, f", {how} {height} x {width} x {channels}"


def _paths(name: str, table: Table) -> list[Path]:
    column: Any = table.columns[name]
    missing = column.isna().to_numpy()
    if missing.any():
        raise received("the path of an image in each row", **table.where(name, missing))
    paths = [table.folder / str(value) for value in column]
    for position, path in enumerate(paths):
        if not path.is_file():
            raise received(
                "paths of image files, relative to the table's file",
                path=str(path),
                column=name,
                row=int(table.rows[position]),
                source=table.origin,
            )
    return paths


def _size_of(shapes: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    """The size that all images have, if it is small; otherwise a square of the median side."""
    first = shapes[0][:2]
    if max(first) <= _LARGEST_SIDE and all(shape[:2] == first for shape in shapes):
        return first[0], first[1]
    side = min(_LARGEST_SIDE, round(float(np.median([shape[:2] for shape in shapes]))))
    return side, side


def _decode(path: Path, channels: int) -> np.ndarray:
    try:
        # The first frame of an animation.
        image = tf.io.decode_image(path.read_bytes(), channels, expand_animations=False)
    except (tf.errors.InvalidArgumentError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise received("a readable image file", path=str(path), error=reason) from error
    return image.numpy()


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    resized = tf.image.resize(image, (height, width), antialias=True).numpy()
    return np.clip(np.rint(resized), 0, 255).astype("uint8")
