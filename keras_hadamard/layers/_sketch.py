"""Random hashes as weights, and the count sketches by these hashes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.ops.count_sketch import count_sketch

# With so many products for each place of a sketch, none is left without one.
MANY = 16


@dataclass(frozen=True)
class Sketch:
    """A count sketch of width `size` by its hashes."""

    indices: Any
    signs: Any
    size: int

    def __call__(self, x: Tensor) -> Tensor:
        return count_sketch(x, self.indices, ops.cast(self.signs, x.dtype), size=self.size)


def add_sketches(
    layer: keras.layers.Layer, widths: Sequence[int], size: int, seed: int | None
) -> list[Sketch]:
    """A sketch for each input, whose hashes are saved but untrained weights of the layer."""
    seed = random.randint(1, 10**9) if seed is None else seed

    def add(name: str, width: int, dtype: str | None, initializer: Any) -> Any:
        return layer.add_weight(
            name=name, shape=(width,), dtype=dtype, initializer=initializer, trainable=False
        )

    return [
        Sketch(
            # TensorFlow keeps the dtype of Keras's "int" on GPUs, where XLA needs it.
            add(f"indices_{i + 1}", width, "int", Hashes(size, seed + 2 * i)),
            add(f"signs_{i + 1}", width, None, Signs(seed + 2 * i + 1)),
            size,
        )
        for i, width in enumerate(widths)
    ]


def of_products(z: Tensor, sketches: Sequence[Sketch]) -> Tensor:
    """The sketch `z` of an outer product, exactly 0 where no product of two inputs goes.

    Transforms leave their rounding there, which a root would magnify, and which differs between
    an FFT and the products that stand in for it in other formats.
    """
    first, second = sketches
    pairs = first.indices.shape[0] * second.indices.shape[0]
    if pairs > MANY * first.size:
        return z
    places = ops.reshape((first.indices[:, None] + second.indices) % first.size, (-1,))
    ones = ops.ones((pairs,), z.dtype)
    return z * ops.cast(count_sketch(ones, places, ones, size=first.size) > 0, z.dtype)


@serializable
class Hashes(keras.initializers.Initializer):
    """Draws integers in `0, ..., size - 1`."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        return keras.random.randint(shape, 0, self.size, dtype=dtype or "int", seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"size": self.size, "seed": self.seed}


@serializable
class Signs(keras.initializers.Initializer):
    """Draws -1 or 1."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        bits = keras.random.randint(shape, 0, 2, dtype="int32", seed=self.seed)
        return ops.cast(2 * bits - 1, dtype or keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}
