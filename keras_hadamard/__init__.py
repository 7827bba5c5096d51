"""Hadamard-product methods of deep learning for Keras."""

import importlib
from types import ModuleType

import keras as _keras

from keras_hadamard._version import __version__ as __version__

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_hadamard runs on Keras's TensorFlow backend: its ops are XLA-compiled TensorFlow "
        "functions with analytic gradients. Set KERAS_BACKEND=tensorflow before the first import "
        f"of keras. Received: keras.backend.backend()={_keras.backend.backend()!r}"
    )

from keras_hadamard import activations as activations
from keras_hadamard import config as config
from keras_hadamard import layers as layers
from keras_hadamard import ops as ops

# These need packages of the extras, or TensorFlow's heavier parts, so they load when first used.
_LAZY = ("adapters", "datasets", "models", "pruning", "serving", "tuning")


def __getattr__(name: str) -> ModuleType:
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
