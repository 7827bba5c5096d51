"""A version directory that is there whole or not at all."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard.serving._saved_model import versions


def version_path(directory: str | os.PathLike[str], version: int | None) -> Path:
    """The path of a version that does not exist yet: the given one, or the next."""
    base = Path(directory)
    if base.exists() and not base.is_dir():
        raise received("`directory` to be a directory", directory=str(base))
    existing = versions(base)
    if version is None:
        version = max(existing, default=0) + 1
    elif (version := positive_int("version", version)) in existing:
        raise received(f"a version that is not in {base} yet", version=version)
    return base / str(version)


@contextlib.contextmanager
def temporary_path(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes `target` at the end, or leaves nothing after an error."""
    base = target.parent
    new = not base.exists()
    # Not a number, so that a server which polls the directory passes it by.
    draft = base / f".{target.name}-{uuid.uuid4().hex}"
    try:
        base.mkdir(parents=True, exist_ok=True)
        yield draft
        os.rename(draft, target)
    except (OSError, tf.errors.OpError) as error:
        if isinstance(error, tf.errors.OpError) and draft.name not in str(error):
            raise  # of the model itself, not of a file
        reason = " ".join(str(error).split())
        raise OSError(f"Could not write {target}, and left nothing there: {reason}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if new:
            with contextlib.suppress(OSError):  # it is not empty: the export succeeded
                base.rmdir()
