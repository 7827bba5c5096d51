"""Activations that are polynomials, in plain Keras."""

from typing import Any

import keras
from keras import ops

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class _Powers(keras.layers.Layer):
    """The sum of three powers, normalised or of what is rectified, as the papers write them."""

    def __init__(self, normalized: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.normalized = normalized

    def build(self, input_shape: Any) -> None:
        del input_shape
        self.scale = self.add_weight(name="scale", shape=(3,), initializer="ones")
        self.shift = self.add_weight(name="shift", shape=(), initializer="zeros")

    def call(self, x: Any) -> Any:
        x = x if self.normalized else ops.relu(x)
        powers = [x**3, x**2, x]
        if self.normalized:
            squares = (ops.mean(u * u, axis=-1, keepdims=True) for u in powers)
            powers = [u * ops.rsqrt(s + 1e-6) for u, s in zip(powers, squares, strict=True)]
        return sum(self.scale[i] * u for i, u in enumerate(powers)) + self.shift


PAIRS = {
    "PolyNorm": Pair(layers.PolyNorm, lambda x: _Powers(True)(x), ((128, 256),)),
    "PolyReLU": Pair(layers.PolyReLU, lambda x: _Powers()(x), ((128, 256),)),
}
