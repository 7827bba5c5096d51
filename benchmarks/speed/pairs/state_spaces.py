"""Selective state space models in plain Keras: steps by `keras.layers.RNN`."""

from typing import Any

import keras
from keras import ops
from keras.layers import Activation, Conv1D, Dense, Reshape, RMSNormalization

from benchmarks.speed.pairs._pair import Pair
from benchmarks.speed.pairs.delta_rules import Rates
from benchmarks.speed.pairs.linear_attention import DecayingMemory
from keras_hadamard import layers

WIDTH, HEADS, STEPS, STATE = 64, 4, 256, 16


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Skip(keras.layers.Layer):
    """`x + d * u` with a learned `d` for each head."""

    def build(self, input_shape: Any) -> None:
        self.skip = self.add_weight(name="skip", shape=(input_shape[-2], 1), initializer="ones")

    def call(self, x: Any, u: Any) -> Any:
        return x + self.skip * u


def _heads(x: Any, heads: int, width: int) -> Any:
    return Reshape((x.shape[1], heads, width))(x)


def _mamba2(x: Any) -> Any:
    inner, length = 2 * WIDTH, x.shape[1]
    z = Dense(inner, use_bias=False)(x)
    joined = keras.layers.ZeroPadding1D((3, 0))(Dense(inner + 2 * STATE, use_bias=False)(x))
    wide = joined.shape[-1]
    joined = Activation("silu")(Conv1D(wide, 4, groups=wide)(joined))
    u, b, c = ops.split(joined, [inner, inner + STATE], axis=-1)
    u = _heads(u, HEADS, inner // HEADS)
    b, c = (ops.repeat(_heads(part, 1, STATE), HEADS, axis=2) for part in (b, c))
    dt = _heads(Dense(HEADS, activation="softplus")(x), HEADS, 1)
    decay = ops.repeat(Rates()(dt), STATE, axis=-1)
    packed = Reshape((length, -1))(keras.layers.Concatenate()([c, b, decay, dt * u]))
    cell = DecayingMemory(HEADS, STATE, inner // HEADS)
    read = _heads(keras.layers.RNN(cell, return_sequences=True)(packed), HEADS, inner // HEADS)
    read = Reshape((length, inner))(Skip()(read, u))
    read = RMSNormalization(epsilon=1e-5)(read * Activation("silu")(z))
    return Dense(WIDTH, use_bias=False)(read)


PAIRS = {
    "Mamba2": Pair(
        lambda: layers.Mamba2(HEADS, state_size=STATE), _mamba2, ((STEPS, WIDTH),), batch=4
    ),
}
