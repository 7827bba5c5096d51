"""Errors of damaged files: all say which file it is."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_hadamard._core.checks import received

# What a parser raises depends on where a file is damaged.
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
    """Raises a ValueError that names `path` where the body cannot read it as expected."""
    try:
        yield
    except DAMAGE as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise received(f"{expected} ({said})", path=str(path)) from error
