"""Masks in plain Keras."""

from typing import Any

import keras
import numpy as np

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

# Degrees of a masked autoencoder of 128 variables.
_INPUTS = np.arange(1, 129)
_HIDDEN = 1 + np.arange(512) % 127


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class _Dense(keras.layers.Layer):
    """A dense layer of the first hidden units of MADE."""

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 512))
        self.bias = self.add_weight(name="bias", shape=(512,), initializer="zeros")
        self.mask = np.float32(_INPUTS[:, None] <= _HIDDEN)

    def call(self, x: Any) -> Any:
        return keras.ops.matmul(x, self.kernel * self.mask) + self.bias


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class _Conv(keras.layers.Layer):
    """A convolution that does not look ahead."""

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(5, 5, input_shape[-1], 64))
        self.bias = self.add_weight(name="bias", shape=(64,), initializer="zeros")
        self.mask = np.zeros((5, 5, 1, 1), "float32")
        self.mask[:2] = self.mask[2, :3] = 1

    def call(self, x: Any) -> Any:
        return keras.ops.conv(x, self.kernel * self.mask, padding="same") + self.bias


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class _Gate(keras.layers.Layer):
    """The gate of the test."""

    def build(self, input_shape: Any) -> None:
        self.log_alpha = self.add_weight(
            name="log_alpha", shape=(input_shape[-1],), initializer="random_normal"
        )

    def call(self, x: Any) -> Any:
        gate = keras.ops.sigmoid(self.log_alpha) * 1.2 - 0.1
        return x * keras.ops.clip(gate, 0, 1)


PAIRS = {
    "MaskedDense": Pair(
        lambda: layers.MaskedDense(512, "made_input", features=128),
        lambda x: _Dense()(x),
        ((128,),),
        batch=1024,
    ),
    "MaskedConv2D": Pair(
        lambda: layers.MaskedConv2D(64, 5, data_format="channels_last"),
        lambda x: _Conv()(x),
        ((28, 28, 64),),
    ),
    "HardConcreteGate": Pair(
        lambda: layers.HardConcreteGate(1e-3),
        lambda x: _Gate()(x),
        ((1024,),),
        batch=2048,
    ),
}
