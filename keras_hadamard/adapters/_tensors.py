"""Files of the format `.safetensors`: tensors by name, and custom strings."""

import os
import uuid
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from keras_hadamard._core.reading import reading


def write_tensors(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Writes a file atomically."""
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    # The bytes are written in memory order.
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    try:
        save_file(arrays, draft, metadata)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and the metadata of a file.

    Raises:
        ValueError: If the file is not of this format.
    """
    # A missing file is not a damaged one.
    path.stat()
    with reading(path, "a .safetensors file"):
        try:
            with safe_open(path, framework="np") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return tensors, dict(file.metadata() or {})
        except SafetensorError as error:
            raise ValueError(str(error)) from error
