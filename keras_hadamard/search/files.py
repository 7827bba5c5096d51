"""Files that are whole or not there, whenever the process ends."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_hadamard._core.files import write_atomically


def write_json(path: Path, value: Any) -> None:
    # Strict JSON has no NaN; a record with one is a bug that other readers should not meet.
    write_atomically(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


@contextlib.contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` at the end; an error leaves nothing behind.

    The suffix stays, which Keras and NumPy look at.
    """
    draft = path.with_name(f".draft-{path.name}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def is_draft(path: Path) -> bool:
    return path.name.startswith(".draft-")


def digest(path: Path) -> str:
    """A hash of a file, or of all files of a folder, with their names."""
    found = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        found.update(f"{file.relative_to(path)}\0".encode())
        with open(file, "rb") as content:
            found.update(hashlib.file_digest(content, "sha256").digest())
    return found.hexdigest()[:16]
