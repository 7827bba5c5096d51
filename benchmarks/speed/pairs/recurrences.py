"""The recurrences in plain Keras: gates by dense layers, steps by `keras.layers.RNN`."""

from typing import Any

import keras
from keras import ops
from keras.layers import Activation, Conv1D, Dense, RMSNormalization

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

UNITS, STEPS = 64, 256


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class GatedSum(keras.layers.Layer):
    """One step of `h = a h' + b`, which Keras has no cell for."""

    state_size = output_size = UNITS

    def call(self, inputs: Any, states: Any) -> Any:
        decay, new = ops.split(inputs, 2, axis=-1)
        h = decay * states[0] + new
        return h, [h]


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class MultiplicativeCell(keras.layers.Layer):
    """One step of a multiplicative LSTM, written as Keras's own cells are."""

    state_size = (UNITS, UNITS)
    output_size = UNITS

    def build(self, input_shape: Any) -> None:
        self.inputs = Dense(4 * UNITS)
        self.factor = Dense(UNITS, use_bias=False)
        self.state_factor = Dense(UNITS, use_bias=False)
        self.recurrent = Dense(4 * UNITS, use_bias=False)
        for dense, width in (
            (self.inputs, input_shape[-1]),
            (self.factor, input_shape[-1]),
            (self.state_factor, UNITS),
            (self.recurrent, UNITS),
        ):
            dense.build((None, width))

    def call(self, x: Any, states: Any) -> Any:
        h, c = states
        m = self.factor(x) * self.state_factor(h)
        gates = ops.split(self.inputs(x) + self.recurrent(m), 4, axis=-1)
        c = ops.sigmoid(gates[2]) * c + ops.sigmoid(gates[1]) * ops.tanh(gates[0])
        h = ops.sigmoid(gates[3]) * ops.tanh(c)
        return h, [h, c]


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Decay(keras.layers.Layer):
    """A learned decay of each channel to the power of a gate, which Keras has no layer for."""

    def build(self, input_shape: Any) -> None:
        self.decay = self.add_weight(name="decay", shape=(input_shape[-1],), initializer="ones")

    def call(self, gate: Any) -> Any:
        return ops.exp(-8.0 * gate * ops.softplus(self.decay))


def _sum(decay: Any, new: Any) -> Any:
    steps = keras.layers.Concatenate()([decay, new])
    return keras.layers.RNN(GatedSum(), return_sequences=True)(steps)


def _positive(x: Any) -> Any:
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))


def _gate(x: Any) -> Any:
    return Dense(UNITS, activation="sigmoid")(x)


def _min_gru(x: Any) -> Any:
    z = _gate(x)
    return _sum(1 - z, z * _positive(Dense(UNITS)(x)))


def _min_lstm(x: Any) -> Any:
    f, i = _gate(x), _gate(x)
    return _sum(f / (f + i), i / (f + i) * _positive(Dense(UNITS)(x)))


def _hgrn(x: Any) -> Any:
    f = _gate(x)
    h = _sum(f, (1 - f) * Activation("silu")(Dense(UNITS)(x)))
    return Dense(UNITS)(RMSNormalization()(h) * Activation("silu")(Dense(UNITS)(x)))


def _rglru(x: Any) -> Any:
    a = Decay()(_gate(x))
    return _sum(a, ops.sqrt(1 - a**2) * _gate(x) * x)


def _qrnn(x: Any) -> Any:
    z, f, o = (
        Conv1D(UNITS, 2, padding="causal", activation=a)(x) for a in ("tanh", "sigmoid", "sigmoid")
    )
    return o * _sum(f, (1 - f) * z)


def _sru(x: Any) -> Any:
    f, r = _gate(x), _gate(x)
    return r * _sum(f, (1 - f) * Dense(UNITS, use_bias=False)(x)) + (1 - r) * x


def _multiplicative_lstm(x: Any) -> Any:
    return keras.layers.RNN(MultiplicativeCell(), return_sequences=True)(x)


def _pair(layer: Any, plain: Any, *arguments: int) -> Pair:
    return Pair(lambda: layer(*arguments, return_sequences=True), plain, ((STEPS, UNITS),))


PAIRS = {
    "MinGRU": _pair(layers.MinGRU, _min_gru, UNITS),
    "MinLSTM": _pair(layers.MinLSTM, _min_lstm, UNITS),
    "HGRN": _pair(layers.HGRN, _hgrn, UNITS),
    "RGLRU": _pair(layers.RGLRU, _rglru),
    "QRNN": _pair(layers.QRNN, _qrnn, UNITS),
    "SRU": _pair(layers.SRU, _sru, UNITS),
    "MultiplicativeLSTM": _pair(layers.MultiplicativeLSTM, _multiplicative_lstm, UNITS),
}
