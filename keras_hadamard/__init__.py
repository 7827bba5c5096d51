"""Hadamard-product methods of deep learning for Keras."""

import importlib
from typing import TYPE_CHECKING, Any

import keras as _keras

from keras_hadamard._version import __version__

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_hadamard runs on Keras's TensorFlow backend: its ops are XLA-compiled TensorFlow "
        "functions with analytic gradients. Set KERAS_BACKEND=tensorflow before the first import "
        f"of keras. Received: keras.backend.backend()={_keras.backend.backend()!r}"
    )

from keras_hadamard import activations, config, layers, ops

__all__ = [
    "__version__",
    "activations",
    "adapters",
    "analysis",
    "config",
    "datasets",
    "layers",
    "models",
    "ops",
    "pruning",
    "search",
    "serving",
    "tuning",
]

# These need packages of the extras, or TensorFlow's heavier parts, so they load when first used.
_LAZY = ("adapters", "analysis", "datasets", "models", "pruning", "search", "serving", "tuning")

if TYPE_CHECKING:
    from keras_hadamard import (
        adapters,
        analysis,
        datasets,
        models,
        pruning,
        search,
        serving,
        tuning,
    )
else:

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
