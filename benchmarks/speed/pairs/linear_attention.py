"""Linear attentions in plain Keras: steps by `keras.layers.RNN`, or all pairs of positions."""

from typing import Any

import keras
from keras import ops
from keras.layers import Activation, Dense, Reshape, RMSNormalization

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

WIDTH, HEADS, STEPS, LONG = 64, 4, 256, 1024


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class DecayingMemory(keras.layers.Layer):
    """One step of `S = a S' + k v` and `o = q S`, which Keras has no cell for."""

    def __init__(self, heads: int, keys: int, values: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.keys, self.values = heads, keys, values
        self.state_size = heads * keys * values
        self.output_size = heads * values

    def call(self, inputs: Any, states: Any) -> Any:
        q, k, decay, v = ops.split(
            ops.reshape(inputs, (-1, self.heads, 3 * self.keys + self.values)),
            [self.keys, 2 * self.keys, 3 * self.keys],
            axis=-1,
        )
        state = ops.reshape(states[0], (-1, self.heads, self.keys, self.values))
        state = decay[..., None] * state + k[..., None] * v[..., None, :]
        read = ops.sum(q[..., None] * state, axis=-2)
        return ops.reshape(read, (-1, self.output_size)), [
            ops.reshape(state, (-1, self.state_size))
        ]


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class ParallelRetention(keras.layers.Layer):
    """Rotated scores of all pairs of positions, weighed by decays that are fixed."""

    def call(self, q: Any, k: Any, v: Any) -> Any:
        length, heads, keys = q.shape[1:]
        places = ops.arange(length, dtype="float32")
        angles = places[:, None] * 10000.0 ** (-ops.arange(keys // 2, dtype="float32") * 2 / keys)
        cosine, sine = ops.cos(angles)[:, None], ops.sin(angles)[:, None]
        turned = []
        for x in (q, k):
            one, other = ops.split(x, 2, axis=-1)
            turned.append(
                ops.concatenate([one * cosine - other * sine, one * sine + other * cosine], -1)
            )
        rates = ops.log(1 - 2.0 ** (-5 - ops.arange(heads, dtype="float32")))[:, None, None]
        between = places[:, None] - places
        decays = ops.where(between >= 0, ops.exp(rates * ops.maximum(between, 0)), 0.0)
        scores = ops.einsum("bqhk,bshk->bhqs", *turned) * keys**-0.5
        return ops.einsum("bhqs,bshv->bqhv", scores * decays, v)


def _heads(x: Any, width: int, **kwargs: Any) -> Any:
    return Reshape((x.shape[1], HEADS, width))(Dense(HEADS * width, use_bias=False, **kwargs)(x))


def _remembered(x: Any, keys: int, values: int, decay: Any) -> Any:
    steps = [_heads(x, keys) * keys**-0.5, _heads(x, keys), decay, _heads(x, values)]
    packed = Reshape((x.shape[1], -1))(keras.layers.Concatenate()(steps))
    cell = DecayingMemory(HEADS, keys, values)
    read = keras.layers.RNN(cell, return_sequences=True)(packed)
    return Reshape((x.shape[1], HEADS, values))(read)


def _read(x: Any, read: Any) -> Any:
    width = HEADS * read.shape[-1]
    read = Reshape((x.shape[1], width))(RMSNormalization(epsilon=1e-5)(read))
    gate = Activation("silu")(Dense(width, use_bias=False)(x))
    return Dense(x.shape[-1], use_bias=False)(read * gate)


def _gated(x: Any) -> Any:
    keys = WIDTH // HEADS // 2
    gates = Dense(HEADS * keys)(Dense(16, use_bias=False)(x))
    decay = ops.exp(ops.log_sigmoid(Reshape((x.shape[1], HEADS, keys))(gates)) / 16)
    return _read(x, _remembered(x, keys, WIDTH // HEADS, decay))


def _simple(x: Any) -> Any:
    keys = WIDTH // HEADS
    decay = ops.exp(ops.log_sigmoid(Dense(HEADS)(x)) / 16)[..., None]
    decay = ops.repeat(decay, keys, axis=-1)
    return _read(x, _remembered(x, keys, keys, decay))


def _retention(x: Any) -> Any:
    keys = WIDTH // HEADS
    return _read(x, ParallelRetention()(_heads(x, keys), _heads(x, keys), _heads(x, 2 * keys)))


def _linear(x: Any) -> Any:
    keys = WIDTH // HEADS
    q, k = (ops.elu(_heads(x, keys)) + 1 for _ in range(2))
    sums = ops.cumsum(k[..., None] * _heads(x, keys)[..., None, :], axis=1)
    read = ops.einsum("bthk,bthkv->bthv", q, sums)
    read = read / (ops.sum(q * ops.cumsum(k, axis=1), axis=-1, keepdims=True) + 1e-10)
    return Dense(WIDTH, use_bias=False)(Reshape((x.shape[1], WIDTH))(read))


def _hydra(x: Any) -> Any:
    unit = keras.layers.UnitNormalization()
    sums = ops.sum(unit(Dense(WIDTH)(x)) * Dense(WIDTH)(x), axis=1, keepdims=True)
    return Dense(WIDTH)(unit(Dense(WIDTH)(x)) * sums)


def _pair(layer: Any, plain: Any, length: int, **arguments: Any) -> Pair:
    return Pair(lambda: layer(**arguments), plain, ((length, WIDTH),), batch=4)


PAIRS = {
    "GatedLinearAttention": _pair(layers.GatedLinearAttention, _gated, STEPS, heads=HEADS),
    "SimpleGatedLinearAttention": _pair(
        layers.SimpleGatedLinearAttention, _simple, STEPS, heads=HEADS
    ),
    "Retention": _pair(layers.Retention, _retention, LONG, heads=HEADS),
    "LinearAttention": _pair(layers.LinearAttention, _linear, LONG, heads=HEADS),
    "HydraAttention": _pair(layers.HydraAttention, _hydra, LONG),
}
