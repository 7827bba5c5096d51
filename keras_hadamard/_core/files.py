"""Atomic writes of files."""

import contextlib
import os
import uuid
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file so that a reader, or a restart after a crash, finds the old or the new one.

    The folder is made if it is missing. A failure leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".draft-{uuid.uuid4().hex}-{path.name}")
    try:
        with open(draft, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        said = f"Could not write {path}, and left nothing there: {error}"
        # The number distinguishes a full disk from other errors.
        raise OSError(error.errno, said) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
