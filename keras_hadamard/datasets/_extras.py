"""What to say when a package of the `search` extra is missing."""

import importlib
from typing import Any


def missing(package: str, error: ImportError) -> ImportError:
    return ImportError(
        f'keras_hadamard.datasets needs {package}: pip install "keras-hadamard[search]". '
        f"Received: {error}"
    )


def require(module: str, package: str) -> Any:
    """Imports `module`, or says which extra brings `package`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing(package, error) from error
