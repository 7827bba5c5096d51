"""The format of `.safetensors` files: a header of JSON and then the tensors as they lie in memory.

The first eight bytes are the length of the header; it says of each tensor its type, its shape and
where its bytes begin and end after the header. Strings of one's own stand under `__metadata__`.
"""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard._reading import reading

_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
# No file of an adapter has a header as long as this.
_LONGEST = 100_000_000


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Writes a file, whole or not at all."""
    names = {np.dtype(v): k for k, v in _TYPES.items()}
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, array in tensors.items():
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        with open(draft, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for array in tensors.values():
                file.write(np.ascontiguousarray(array).tobytes())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and the metadata of a file; bfloat16 as float32.

    Raises:
        ValueError: If the file is not of this format.
    """
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    with reading(path, "a .safetensors file"):
        if len(content) < 8 or length > min(_LONGEST, len(content) - 8):
            raise ValueError("the header is longer than the file")
        header = json.loads(content[8 : 8 + length])
        metadata = dict(header.pop("__metadata__", {}))
        tensors = {name: _tensor(entry, content[8 + length :]) for name, entry in header.items()}
    return tensors, metadata


def _tensor(entry: dict[str, Any], data: bytes) -> np.ndarray:
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end <= len(data):
        raise ValueError("a tensor lies outside the file")
    part = data[begin:end]
    if entry["dtype"] == "BF16":
        # The upper half of a float32.
        bits = np.frombuffer(part, "<u2").astype("<u4") << 16
        return bits.view("<f4").reshape(entry["shape"])
    return np.frombuffer(part, _TYPES[entry["dtype"]]).reshape(entry["shape"])
