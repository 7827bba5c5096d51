"""Hyper-connections in plain Keras."""

from typing import Any

import keras
from keras import ops

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

STREAMS, WIDTH = 4, 128


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class _Connected(keras.layers.Layer):
    """A dense layer between streams, as the paper's pseudocode has it."""

    def build(self, input_shape: Any) -> None:
        *_, streams, width = input_shape
        self.dense = keras.layers.Dense(width)
        self.dense.build((*input_shape[:-2], width))
        self.norm = keras.layers.RMSNormalization()
        self.norm.build(input_shape)
        self.alpha = self.add_weight(name="alpha", shape=(streams, streams + 1))
        self.beta = self.add_weight(name="beta", shape=(streams,), initializer="ones")
        self.alpha_kernel = self.add_weight(name="alpha_kernel", shape=(width, streams + 1))
        self.beta_kernel = self.add_weight(name="beta_kernel", shape=(width, 1))
        self.scales = self.add_weight(name="scales", shape=(2,), initializer="ones")

    def call(self, x: Any) -> Any:
        norm = self.norm(x)
        alpha = self.alpha + self.scales[0] * ops.tanh(ops.matmul(norm, self.alpha_kernel))
        beta = self.beta + self.scales[1] * ops.tanh(ops.matmul(norm, self.beta_kernel))[..., 0]
        mixed = ops.einsum("...st,...sd->...td", alpha, x)
        branch = self.dense(mixed[..., 0, :])
        return mixed[..., 1:, :] + ops.expand_dims(beta, -1) * ops.expand_dims(branch, -2)


PAIRS = {
    "HyperConnections": Pair(
        lambda: layers.HyperConnections(keras.layers.Dense(WIDTH)),
        lambda x: _Connected()(x),
        ((128, STREAMS, WIDTH),),
    )
}
