"""Delta rules in plain Keras: steps by `keras.layers.RNN`."""

from typing import Any

import keras
from keras import ops
from keras.layers import Activation, Conv1D, Dense, Reshape, RMSNormalization

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

WIDTH, HEADS, STEPS = 64, 4, 256


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class CorrectedMemory(keras.layers.Layer):
    """One step of `S = R + b k (v - k R)` with `R = a S'`, which Keras has no cell for."""

    def __init__(self, heads: int, keys: int, values: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.keys, self.values = heads, keys, values
        self.state_size = heads * keys * values
        self.output_size = heads * values

    def call(self, inputs: Any, states: Any) -> Any:
        keys, values = self.keys, self.values
        q, k, decay, v, share = ops.split(
            ops.reshape(inputs, (-1, self.heads, 3 * keys + values + 1)),
            [keys, 2 * keys, 3 * keys, 3 * keys + values],
            axis=-1,
        )
        state = ops.reshape(states[0], (-1, self.heads, keys, values))
        state = decay[..., None] * state
        error = share * (v - ops.sum(k[..., None] * state, axis=-2))
        state = state + k[..., None] * error[..., None, :]
        read = ops.sum(q[..., None] * state, axis=-2)
        return ops.reshape(read, (-1, self.output_size)), [
            ops.reshape(state, (-1, self.state_size))
        ]


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Rates(keras.layers.Layer):
    """Learned rates of the heads, times steps (batch, length, heads, width)."""

    def build(self, input_shape: Any) -> None:
        self.rate = self.add_weight(name="rate", shape=(input_shape[-2], 1), initializer="zeros")

    def call(self, steps: Any) -> Any:
        return ops.exp(-ops.exp(self.rate) * steps)


def _split(x: Any, width: int) -> Any:
    return Reshape((x.shape[1], HEADS, width))(x)


def _convolved(x: Any, keys: int, values: int) -> list[Any]:
    joined = keras.layers.Concatenate()(
        [Dense(HEADS * width, use_bias=False)(x) for width in (keys, keys, values)]
    )
    wide = joined.shape[-1]
    padded = keras.layers.ZeroPadding1D((3, 0))(joined)
    joined = Activation("silu")(Conv1D(wide, 4, groups=wide, use_bias=False)(padded))
    q, k, v = ops.split(joined, [HEADS * keys, 2 * HEADS * keys], axis=-1)
    unit = keras.layers.UnitNormalization()
    return [unit(_split(q, keys)) * keys**-0.5, unit(_split(k, keys)), _split(v, values)]


def _read(x: Any, keys: int, values: int, decay: Any) -> Any:
    q, k, v = _convolved(x, keys, values)
    share = _split(Dense(HEADS, activation="sigmoid", use_bias=False)(x), 1)
    packed = Reshape((x.shape[1], -1))(keras.layers.Concatenate()([q, k, decay, v, share]))
    cell = CorrectedMemory(HEADS, keys, values)
    read = keras.layers.RNN(cell, return_sequences=True)(packed)
    read = RMSNormalization(epsilon=1e-5)(_split(read, values))
    return Reshape((x.shape[1], HEADS * values))(read)


def _delta(x: Any) -> Any:
    keys = WIDTH // HEADS
    decay = ops.ones_like(_split(x, keys))
    return Dense(WIDTH, use_bias=False)(_read(x, keys, keys, decay))


def _gated(x: Any) -> Any:
    keys = WIDTH // HEADS
    decay = Rates()(_split(Dense(HEADS, activation="softplus")(x), 1))
    read = _read(x, keys, 2 * keys, ops.repeat(decay, keys, axis=-1))
    gate = Dense(read.shape[-1], activation="silu", use_bias=False)(x)
    return Dense(WIDTH, use_bias=False)(read * gate)


def _kimi(x: Any) -> Any:
    keys = WIDTH // HEADS
    steps = Dense(WIDTH, activation="softplus")(Dense(keys, use_bias=False)(x))
    read = _read(x, keys, keys, Rates()(_split(steps, keys)))
    gate = Dense(WIDTH, activation="sigmoid")(Dense(keys, use_bias=False)(x))
    return Dense(WIDTH, use_bias=False)(read * gate)


def _pair(layer: Any, plain: Any) -> Pair:
    return Pair(lambda: layer(HEADS), plain, ((STEPS, WIDTH),), batch=4)


PAIRS = {
    "DeltaNet": _pair(layers.DeltaNet, _delta),
    "GatedDeltaNet": _pair(layers.GatedDeltaNet, _gated),
    "KimiDeltaAttention": _pair(layers.KimiDeltaAttention, _kimi),
}
