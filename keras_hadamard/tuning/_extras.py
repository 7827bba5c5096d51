"""Imports of the optional packages, with the command that installs them."""

import importlib
from typing import Any


def require(module: str, package: str) -> Any:
    """Imports `module`, or says which extra brings `package`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'keras_hadamard.tuning needs {package}: pip install "keras-hadamard[search]". '
            f"Received: {error}"
        ) from error
