"""Files that are whole or not there."""

import contextlib
import os
import uuid
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes `path` so that a reader sees the old file or the new one, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    except OSError as error:
        raise OSError(f"Could not write {path}, and left nothing there: {error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
