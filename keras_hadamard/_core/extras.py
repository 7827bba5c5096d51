"""Packages of the extras, and the error if one is missing."""

import importlib
from typing import Any


def missing(package: str, error: ImportError, needed_by: str, extra: str = "search") -> ImportError:
    """The error for a missing package, which names its extra."""
    return ImportError(
        f'{needed_by} needs {package}: pip install "keras-hadamard[{extra}]". Received: {error}'
    )


def require(module: str, package: str, needed_by: str, extra: str = "search") -> Any:
    """Imports `module`, or raises with the extra that has `package`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing(package, error, needed_by, extra) from error
