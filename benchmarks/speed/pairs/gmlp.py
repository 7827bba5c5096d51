"""The spatial gate and its block in plain Keras: a dense layer over transposed positions."""

from typing import Any

from keras.initializers import RandomNormal
from keras.layers import Dense, LayerNormalization, Multiply, Permute

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

LENGTH, WIDTH = 256, 64


def _gate(x: Any) -> Any:
    half = x.shape[-1] // 2
    gate = Permute((2, 1))(LayerNormalization(epsilon=1e-5)(x[..., half:]))
    mix = Dense(x.shape[1], kernel_initializer=RandomNormal(stddev=1e-6), bias_initializer="ones")
    return Multiply()([x[..., :half], Permute((2, 1))(mix(gate))])


def _block(x: Any) -> Any:
    return Dense(x.shape[-1])(_gate(Dense(6 * x.shape[-1], activation="gelu")(x)))


PAIRS = {
    "SpatialGatingUnit": Pair(layers.SpatialGatingUnit, _gate, ((LENGTH, 2 * WIDTH),)),
    "GMLPBlock": Pair(layers.GMLPBlock, _block, ((LENGTH, WIDTH),)),
}
