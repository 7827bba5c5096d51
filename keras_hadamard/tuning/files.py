"""Files that are whole or not there, whenever the process ends."""

import json
from pathlib import Path
from typing import Any

from keras_hadamard._core.files import write_atomically


def write_json(path: Path, value: Any) -> None:
    # Strict JSON has no NaN; a record with one is a bug that other readers should not meet.
    write_atomically(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def draft_of(path: Path) -> Path:
    """Where a file is written before it takes its name; the suffix stays, which Keras looks at."""
    return path.with_name(f".draft-{path.name}")


def is_draft(path: Path) -> bool:
    return path.name.startswith(".draft-")
