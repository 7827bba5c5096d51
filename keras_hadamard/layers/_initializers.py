"""Initializers of several weights from one argument of a layer."""

import zlib
from typing import Any

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, Shape


def initializer_for(initializer: Initializer, name: str) -> Initializer:
    """A copy of an initializer for one weight, by its name.

    Keras's initializers are stateless: one instance, or two of one seed, give equal weights, and a
    product of equal branches is a power. So the name becomes a part of the seed.
    """
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    seed = config.get("seed")
    if isinstance(seed, dict):
        return initializer  # A generator draws other numbers every time.
    if isinstance(seed, int):
        config["seed"] = seed_for(seed, name)
    return type(initializer).from_config(config)


def seed_for(seed: int | None, name: str) -> int | None:
    """A seed for one name, derived from a shared seed, which may be None."""
    if seed is None:
        return None
    # Checksums can be continued, so a nested name gives the same seed as its whole path.
    return zlib.crc32(f"{name}/".encode(), seed & 0xFFFFFFFF) & 0x7FFFFFFF


@serializable
class BlockInitializer(keras.initializers.Initializer):
    """Fills equal blocks of an axis, each with its own initializer.

    If they are interleaved, the blocks are those of every second (third, ...) place of the last
    axis.
    """

    def __init__(
        self, initializers: list[Initializer], axis: int = -1, interleaved: bool = False
    ) -> None:
        self.initializers = [keras.initializers.get(i) for i in initializers]
        self.axis = axis
        self.interleaved = interleaved

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        block = list(shape)
        block[self.axis] = (shape[self.axis] or 0) // len(self.initializers)
        blocks = [i(tuple(block), dtype=dtype) for i in self.initializers]
        if self.interleaved:
            return keras.ops.reshape(keras.ops.stack(blocks, axis=-1), shape)
        return keras.ops.concatenate(blocks, axis=self.axis)

    def get_config(self) -> dict[str, Any]:
        initializers = [keras.initializers.serialize(i) for i in self.initializers]
        return {
            "initializers": initializers,
            "axis": self.axis,
            "interleaved": self.interleaved,
        }


def block_initializer(
    initializer: Initializer, name: str, blocks: int, axis: int = -1
) -> BlockInitializer:
    """Initializes each block of a weight as a separate weight."""
    names = (f"{name}/{i}" for i in range(blocks))
    return BlockInitializer([initializer_for(initializer, each) for each in names], axis)
