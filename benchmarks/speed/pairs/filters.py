"""The filters, quadratic neurons, conditional polynomials and bilinear poolings in plain Keras."""

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.layers import Add, Dense, Dot, Multiply, Reshape

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

COORDINATES, CONTEXT = ((2,),), ((64,), (32,))
MAP = ((14, 14, 64),)
SKETCH = 1024


def _wide() -> Dense:
    """A projection to phases as wide as ours: the time of a sine depends on them."""
    return Dense(256, kernel_initializer=keras.initializers.RandomUniform(-181.0, 181.0))


class _Gabor(keras.layers.Layer):
    """The window as one writes it: the squared differences, summed."""

    def build(self, input_shape: Any) -> None:
        self.wave = _wide()
        self.wave.build(input_shape)
        self.mu = self.add_weight(shape=(256, input_shape[-1]), initializer="random_uniform")
        self.gamma = self.add_weight(shape=(256,), initializer="ones")

    def call(self, x: Any) -> Any:
        distance = ops.sum(ops.square(ops.expand_dims(x, -2) - self.mu), axis=-1)
        return ops.sin(self.wave(x)) * ops.exp(-0.5 * self.gamma * distance)


def _quadratic(x: Any) -> Any:
    return Add()([Multiply()([Dense(256)(x), Dense(256)(x)]), Dense(256)(x)])


def _interaction(inputs: Any) -> Any:
    x, z = inputs
    weights = Reshape((64, 64))(Dense(64 * 64, use_bias=False)(z))
    product = Dot(axes=(1, 1))([weights, x])
    return Add()([product, Dense(64, use_bias=False)(z), Dense(64)(x)])


def _cope(inputs: Any) -> Any:
    def factor() -> Any:
        return Add()([Dense(512, use_bias=False)(z) for z in inputs])

    x = factor()
    for _ in range(3):
        x = Add()([Multiply()([factor(), x]), x])
    return Dense(512)(x)


def _rows(x: Any) -> Any:
    return Reshape((x.shape[1] * x.shape[2], x.shape[3]))(x)


def _bilinear(x: Any) -> Any:
    rows = _rows(x)
    z = ops.reshape(ops.matmul(ops.transpose(rows, (0, 2, 1)), rows), (-1, x.shape[-1] ** 2))
    return _normalised(z / rows.shape[1])


def _normalised(z: Any) -> Any:
    return ops.normalize(ops.sign(z) * ops.sqrt(ops.abs(z) + 1e-12), axis=-1)


def _compact(x: Any) -> Any:
    rows, rng = _rows(x), np.random.default_rng(0)
    spectra = []
    for _ in range(2):
        indices, signs = rng.integers(0, SKETCH, x.shape[-1]), rng.choice([-1.0, 1.0], x.shape[-1])
        matrix = np.zeros((x.shape[-1], SKETCH), "float32")
        matrix[np.arange(x.shape[-1]), indices] = signs
        spectra.append(ops.rfft(ops.matmul(rows, matrix)))
    (a, b), (c, d) = spectra
    z = ops.irfft((a * c - b * d, a * d + b * c))
    return _normalised(ops.sum(z, axis=1))


PAIRS = {
    "FourierFilter": Pair(
        lambda: layers.FourierFilter(256), lambda x: ops.sin(_wide()(x)), COORDINATES, 4096
    ),
    "GaborFilter": Pair(lambda: layers.GaborFilter(256), lambda x: _Gabor()(x), COORDINATES, 4096),
    "QuadraticDense": Pair(lambda: layers.QuadraticDense(256), _quadratic, ((256,),)),
    "MultiplicativeInteraction": Pair(
        lambda: layers.MultiplicativeInteraction(64), _interaction, CONTEXT
    ),
    "CoPE": Pair(lambda: layers.CoPE(512, 4), _cope, ((512,), (128,))),
    "BilinearPooling2D": Pair(layers.BilinearPooling2D, _bilinear, ((28, 28, 128),)),
    "CompactBilinearPooling2D": Pair(
        lambda: layers.CompactBilinearPooling2D(SKETCH), _compact, MAP
    ),
}
