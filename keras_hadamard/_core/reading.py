"""Errors of damaged files, which name the file."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_hadamard._core.checks import received

# The exception of a parser depends on where a file is damaged.
DAMAGE = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RecursionError,
    OSError,
    zipfile.BadZipFile,
)


@contextmanager
def reading(path: str | Path, expected: str) -> Iterator[None]:
    """Raises a ValueError that names `path` if the body cannot read it as expected."""
    try:
        yield
    except DAMAGE as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise received(f"{expected} ({said})", path=str(path)) from error
