"""The layers of recommenders in plain Keras."""

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.layers import Add, Dense, Lambda, LayerNormalization, Multiply

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

FIELDS, WIDTH = 26, 16
# As many vectors at once as in the training of a recommender.
BATCH = 512


def _gated_network(x0: Any) -> Any:
    x, width = x0, x0.shape[-1]
    for _ in range(3):
        gate = Dense(width, activation="sigmoid", use_bias=False)(x)
        x = Add()([Multiply()([x0, Dense(width)(x), gate]), x])
    return x


def _mask_block(tensors: Any) -> Any:
    h, e = tensors
    mask = Dense(h.shape[-1])(Dense(h.shape[-1], activation="relu")(e))
    y = Dense(128, use_bias=False)(Multiply()([mask, h]))
    return keras.layers.ReLU()(LayerNormalization(epsilon=1e-5)(y))


def _pairs(x: Any) -> tuple[Any, Any]:
    left, right = np.triu_indices(FIELDS, 1)
    return ops.take(x, left, axis=1), ops.take(x, right, axis=1)


class _Bilinear(keras.layers.Layer):
    def build(self, input_shape: Any) -> None:
        pairs = FIELDS * (FIELDS - 1) // 2
        self.kernel = self.add_weight(shape=(pairs, WIDTH, WIDTH))

    def call(self, x: Any) -> Any:
        left, right = _pairs(x)
        return ops.einsum("bpd,pde->bpe", left, self.kernel) * right


def _squeeze_excite(x: Any) -> Any:
    means = Lambda(_mean)(x)
    hidden = Dense(FIELDS // 3, activation="relu", use_bias=False)(means)
    gates = Dense(FIELDS, activation="relu", use_bias=False)(hidden)
    return Multiply()([x, keras.layers.Reshape((FIELDS, 1))(gates)])


def _mean(x: Any) -> Any:
    return ops.mean(x, axis=-1)


class _TwoStreams(keras.layers.Layer):
    def __init__(self, units: int, heads: int) -> None:
        super().__init__()
        self.units, self.heads = units, heads

    def build(self, input_shape: Any) -> None:
        one, other = (s[-1] for s in input_shape)
        self.linear = [Dense(self.units), Dense(self.units, use_bias=False)]
        for dense, shape in zip(self.linear, input_shape, strict=True):
            dense.build(shape)
        self.kernel = self.add_weight(
            shape=(self.heads, one // self.heads, other // self.heads, self.units)
        )

    def call(self, inputs: Any) -> Any:
        x, z = inputs
        heads = [ops.reshape(t, (-1, self.heads, t.shape[-1] // self.heads)) for t in inputs]
        products = ops.einsum("bhm,hmno,bhn->bo", heads[0], self.kernel, heads[1])
        return self.linear[0](x) + self.linear[1](z) + products


def _factorized(x: Any) -> Any:
    g, h = Dense(256)(x), Dense(256)(x)
    return Add()([g, Multiply()([g, h])])


STEPS = 50


class _Dice(keras.layers.Layer):
    def build(self, input_shape: Any) -> None:
        self.norm = keras.layers.BatchNormalization(epsilon=1e-9, center=False, scale=False)
        self.norm.build(input_shape)
        self.alpha = self.add_weight(shape=(input_shape[-1],), initializer="zeros")

    def call(self, x: Any, training: bool | None = None) -> Any:
        p = ops.sigmoid(self.norm(x, training=training))
        return p * x + self.alpha * (1 - p) * x


def _features(tensors: Any) -> Any:
    target, history = tensors
    target = ops.repeat(ops.expand_dims(target, 1), STEPS, axis=1)
    return ops.concatenate([target, history, target - history, target * history], axis=-1)


def _weighed(tensors: Any) -> Any:
    return ops.sum(tensors[0] * tensors[1], axis=1)


def _attention(tensors: Any) -> Any:
    scores = Dense(1)(Dense(32, activation="relu")(Lambda(_features)(tensors)))
    return Lambda(_weighed)([scores, tensors[1]])


class _Exponential(keras.layers.Layer):
    def build(self, input_shape: Any) -> None:
        width = input_shape[-1]
        self.dense = Dense(width // 2, use_bias=False)
        self.dense.build(input_shape)
        self.norm = LayerNormalization(epsilon=1e-5)
        self.norm.build((*input_shape[:-1], width // 2))
        self.bias = self.add_weight(shape=(width,), initializer="zeros")

    def call(self, x: Any) -> Any:
        h = self.dense(x)
        crossed = ops.concatenate([h, h * ops.relu(self.norm(h))], axis=-1)
        return x * (crossed + self.bias) + x


def _exponential(x: Any) -> Any:
    for _ in range(3):
        x = _Exponential()(x)
    return x


def _gate(tensors: Any) -> Any:
    x, prior = tensors
    gate = Dense(x.shape[-1], activation="sigmoid")(Dense(x.shape[-1], activation="relu")(prior))
    return Multiply()([x, Lambda(_twice)(gate)])


def _twice(x: Any) -> Any:
    return 2 * x


def _logs(x: Any) -> Any:
    return ops.log(ops.maximum(ops.abs(x), 1e-5))


def _transposed(x: Any) -> Any:
    return ops.transpose(x, (0, 2, 1))


def _logarithmic(x: Any) -> Any:
    logs = keras.layers.BatchNormalization(axis=1)(Lambda(_logs)(x))
    sums = Dense(64, use_bias=False)(Lambda(_transposed)(logs))
    products = keras.layers.Activation("exponential")(sums)
    y = keras.layers.BatchNormalization(axis=-1)(products)
    return keras.layers.Flatten()(Lambda(_transposed)(y))


def _holographic(x: Any) -> Any:
    (a, b), (c, d) = (ops.rfft(part) for part in _pairs(x))
    return ops.irfft((a * c - b * d, a * d + b * c), fft_length=WIDTH)


class _Euler(keras.layers.Layer):
    def build(self, input_shape: Any) -> None:
        self.orders = self.add_weight(shape=(FIELDS, 8))
        self.biases = [self.add_weight(shape=(8, WIDTH), initializer="zeros") for _ in range(2)]
        self.dense = Dense(8 * WIDTH, activation="relu")
        self.dense.build((None, FIELDS * WIDTH))

    def call(self, inputs: Any) -> Any:
        r, p = inputs
        logs, phases = 0.5 * ops.log(r * r + p * p + 1e-8), ops.arctan2(p, r)
        logs, phases = (ops.einsum("fn,bfw->bnw", self.orders, x) for x in (logs, phases))
        size, phases = ops.exp(logs + self.biases[0]), phases + self.biases[1]
        products = size * ops.cos(phases), size * ops.sin(phases)
        return [
            ops.reshape(self.dense(ops.reshape(x, (-1, FIELDS * WIDTH))), (-1, 8, WIDTH)) + product
            for x, product in zip(inputs, products, strict=True)
        ]


OVER_FIELDS = ((FIELDS, WIDTH),)
VECTOR = ((FIELDS * WIDTH,),)
PAIRS = {
    "GatedCrossNetwork": Pair(layers.GatedCrossNetwork, _gated_network, VECTOR, BATCH),
    "MaskBlock": Pair(lambda: layers.MaskBlock(128), _mask_block, VECTOR * 2, BATCH),
    "BilinearInteraction": Pair(
        layers.BilinearInteraction, lambda x: _Bilinear()(x), OVER_FIELDS, BATCH
    ),
    "FieldSqueezeExcite": Pair(layers.FieldSqueezeExcite, _squeeze_excite, OVER_FIELDS, BATCH),
    "MultiHeadBilinear": Pair(
        lambda: layers.MultiHeadBilinear(1, 8),
        lambda x: _TwoStreams(1, 8)(x),
        ((256,), (256,)),
        BATCH,
    ),
    "FactorizedInteraction": Pair(
        lambda: layers.FactorizedInteraction(256), _factorized, VECTOR, BATCH
    ),
    "Dice": Pair(layers.Dice, lambda x: _Dice()(x), ((1024,),), BATCH),
    "TargetAttention": Pair(layers.TargetAttention, _attention, ((WIDTH,), (STEPS, WIDTH)), 64),
    "DeepCrossV3": Pair(layers.DeepCrossV3, _exponential, VECTOR, BATCH),
    "GateNU": Pair(layers.GateNU, _gate, VECTOR * 2, BATCH),
    "LogarithmicTransform": Pair(
        lambda: layers.LogarithmicTransform(64), _logarithmic, OVER_FIELDS, BATCH
    ),
    "HolographicInteraction": Pair(
        layers.HolographicInteraction, lambda x: Lambda(_holographic)(x), OVER_FIELDS, BATCH
    ),
    "EulerInteraction": Pair(
        lambda: layers.EulerInteraction(8), lambda x: _Euler()(x), OVER_FIELDS * 2, BATCH
    ),
}
