"""Initialisers of weights that stand for several."""

from typing import Any

import keras

from keras_hadamard._export import serializable
from keras_hadamard._typing import Initializer, Shape


def derive(initializer: Initializer, index: int) -> Initializer:
    """A copy for one weight of several: equal branches would turn products into powers.

    Keras initialisers are stateless, so one instance, or two of one seed, give equal weights.
    """
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config["seed"] += index
    return type(initializer).from_config(config)


@serializable
class SideBySide(keras.initializers.Initializer):
    """Fills equal blocks of an axis, each by its own initialiser."""

    def __init__(self, initializers: list[Initializer], axis: int = -1) -> None:
        self.initializers = [keras.initializers.get(i) for i in initializers]
        self.axis = axis

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        block = list(shape)
        block[self.axis] = (shape[self.axis] or 0) // len(self.initializers)
        blocks = [i(tuple(block), dtype=dtype) for i in self.initializers]
        return keras.ops.concatenate(blocks, axis=self.axis)

    def get_config(self) -> dict[str, Any]:
        initializers = [keras.initializers.serialize(i) for i in self.initializers]
        return {"initializers": initializers, "axis": self.axis}
