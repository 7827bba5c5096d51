"""The crosses, the factorisation machines and the interactions of fields in plain Keras."""

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.layers import Add, Dense, Embedding, Lambda, Multiply

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

FIELDS, WIDTH = 26, 16
# As many vectors at once as in the training of a recommender.
BATCH = 512
VOCABULARY = 1000


def _cross(x0: Any, x: Any, rank: int) -> Any:
    projected = Dense(x0.shape[-1])(Dense(rank, use_bias=False)(x))
    return Add()([Multiply()([x0, projected]), x])


def _network(x0: Any) -> Any:
    x = x0
    for _ in range(3):
        x = Add()([Multiply()([x0, Dense(x0.shape[-1])(x)]), x])
    return x


def _mixture(x0: Any) -> Any:
    width, experts = x0.shape[-1], []
    for _ in range(4):
        hidden = Dense(64, activation="tanh", use_bias=False)(x0)
        hidden = Dense(64, activation="tanh", use_bias=False)(hidden)
        experts.append(Multiply()([x0, Dense(width)(hidden)]))
    gates = Dense(4, activation="softmax", use_bias=False)(x0)
    mixture = Lambda(_gated)([gates, *experts])
    return Add()([mixture, x0])


def _gated(tensors: Any) -> Any:
    gates, *experts = tensors
    return ops.sum(ops.stack(experts, axis=1) * ops.expand_dims(gates, -1), axis=1)


class _Machine(keras.layers.Layer):
    """The classical identity, as examples have it."""

    def __init__(self, factors: int) -> None:
        super().__init__()
        self.factors = factors

    def build(self, input_shape: Any) -> None:
        self.linear = Dense(1)
        self.linear.build(input_shape)
        self.kernel = self.add_weight(shape=(input_shape[-1], self.factors))

    def call(self, x: Any) -> Any:
        squared_sum = ops.square(ops.matmul(x, self.kernel))
        sum_squared = ops.matmul(ops.square(x), ops.square(self.kernel))
        pairs = 0.5 * ops.sum(squared_sum - sum_squared, axis=-1, keepdims=True)
        return self.linear(x) + pairs


def _pairs(x: Any) -> tuple[Any, Any]:
    left, right = np.triu_indices(FIELDS, 1)
    return ops.take(x, left, axis=1), ops.take(x, right, axis=1)


def _inner(x: Any) -> Any:
    left, right = _pairs(x)
    return ops.sum(left * right, axis=-1)


class _Outer(keras.layers.Layer):
    def build(self, input_shape: Any) -> None:
        pairs = FIELDS * (FIELDS - 1) // 2
        self.kernel = self.add_weight(shape=(pairs, WIDTH, WIDTH))

    def call(self, x: Any) -> Any:
        left, right = _pairs(x)
        return ops.sum(ops.einsum("bpd,pde->bpe", left, self.kernel) * right, axis=-1)


def _dots(x: Any) -> Any:
    matrix = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
    rows, columns = np.tril_indices(FIELDS, -1)
    return ops.take(ops.reshape(matrix, (-1, FIELDS**2)), rows * FIELDS + columns, axis=1)


def _products(x: Any) -> Any:
    left, right = _pairs(x)
    return left * right


def _attention(x: Any) -> Any:
    products = Lambda(_products)(x)
    scores = Dense(1)(Dense(16, activation="relu")(products))
    weights = keras.layers.Softmax(axis=1)(scores)
    return Dense(1)(Lambda(_weighed)([weights, products]))


def _weighed(tensors: Any) -> Any:
    return ops.sum(tensors[0] * tensors[1], axis=1)


def _compressed(x: Any) -> Any:
    fields = Lambda(_transposed)(x)
    hidden, outputs = fields, []
    for size in (32, 32):
        hidden = Dense(size)(Lambda(_outer_of)([fields, hidden]))
        outputs.append(Lambda(_sum)(hidden))
    return Dense(1)(keras.layers.Concatenate()(outputs))


def _transposed(x: Any) -> Any:
    return ops.transpose(x, (0, 2, 1))


def _sum(x: Any) -> Any:
    return ops.sum(x, axis=1)


def _outer_of(tensors: Any) -> Any:
    x, h = tensors
    products = ops.expand_dims(x, 3) * ops.expand_dims(h, 2)
    return ops.reshape(products, (-1, x.shape[1], x.shape[2] * h.shape[2]))


def _categories(x: Any) -> Any:
    """Normal numbers as categories: those of a benchmark are all it has."""
    scaled = ops.clip(ops.abs(x) * (VOCABULARY / 4), 0, VOCABULARY - 1)
    return ops.cast(scaled, "int32")


class _FieldAware(keras.layers.Layer):
    """A table for each field to be met, looked up one after another."""

    def build(self, input_shape: Any) -> None:
        self.tables = [Embedding(FIELDS * VOCABULARY, 8) for _ in range(FIELDS)]
        for table in self.tables:
            table.build(input_shape)

    def call(self, x: Any) -> Any:
        rows = _categories(x) + VOCABULARY * np.arange(FIELDS)
        met = [table(rows) for table in self.tables]
        return ops.stack(
            [met[j][:, i] * met[i][:, j] for i, j in zip(*np.triu_indices(FIELDS, 1), strict=True)],
            axis=1,
        )


def _field_aware() -> Any:
    layer = layers.FieldAwareFactorizationMachine([VOCABULARY] * FIELDS, 8)
    return lambda x: layer(Lambda(_categories)(x))


OVER_FIELDS = ((FIELDS, WIDTH),)
VECTOR = ((FIELDS * WIDTH,),)
PAIRS = {
    "FeatureCross": Pair(
        lambda: layers.FeatureCross(64), lambda x: _cross(x, x, 64), VECTOR, BATCH
    ),
    "CrossNetwork": Pair(layers.CrossNetwork, _network, VECTOR, BATCH),
    "MixtureCross": Pair(lambda: layers.MixtureCross(4, 64), _mixture, VECTOR, BATCH),
    "FactorizationMachine": Pair(
        lambda: layers.FactorizationMachine(32), lambda x: _Machine(32)(x), VECTOR, BATCH
    ),
    "FieldAwareFactorizationMachine": Pair(
        _field_aware, lambda x: _FieldAware()(x), ((FIELDS,),), BATCH
    ),
    "CompressedInteraction": Pair(
        lambda: layers.CompressedInteraction((32, 32)), _compressed, OVER_FIELDS, BATCH
    ),
    "AttentionalFactorizationMachine": Pair(
        lambda: layers.AttentionalFactorizationMachine(16), _attention, OVER_FIELDS, BATCH
    ),
    "InnerProductInteraction": Pair(
        layers.InnerProductInteraction, lambda x: Lambda(_inner)(x), OVER_FIELDS, BATCH
    ),
    "OuterProductInteraction": Pair(
        layers.OuterProductInteraction, lambda x: _Outer()(x), OVER_FIELDS, BATCH
    ),
    "DotInteraction": Pair(layers.DotInteraction, lambda x: Lambda(_dots)(x), OVER_FIELDS, BATCH),
}
