"""The one decorator that makes a class or function part of the saved format."""

from typing import TypeVar

import keras

T = TypeVar("T")


def serializable(obj: T) -> T:
    """Registers under the package name, so that `.keras` files load without `custom_objects`."""
    decorated: T = keras.saving.register_keras_serializable(package="keras_hadamard")(obj)
    return decorated
