"""The bilinear fusions in plain Keras."""

from typing import Any

import keras
from keras.layers import Add, Concatenate, Dense, Lambda, Multiply

from benchmarks.speed.pairs._pair import Pair, pooled
from keras_hadamard import layers

TWO = ((512,), (512,))
UNITS, RANK = 256, 5


def _mfh(inputs: Any) -> Any:
    product, sums = None, []
    for _ in range(2):
        factors = [Dense(UNITS * 5)(x) for x in inputs]
        product = Multiply()(factors if product is None else [*factors, product])
        sums.append(pooled(product, 5))
    return Dense(UNITS)(Concatenate()(sums))


def _mutan(inputs: Any) -> Any:
    factors = [
        Dense(UNITS * RANK, use_bias=False)(Dense(UNITS, activation="tanh")(x)) for x in inputs
    ]
    return Dense(UNITS)(pooled(Multiply()(factors), RANK))


def _cut(x: Any, chunks: int) -> list[Any]:
    size = x.shape[-1] // chunks
    return [x[:, i * size : (i + 1) * size] for i in range(chunks)]


def _root(x: Any) -> Any:
    # The root of the magnitude, whose gradient at zero this keeps finite.
    return keras.ops.sign(x) * keras.ops.sqrt(keras.ops.abs(x) + 1e-12)


def _norm(x: Any) -> Any:
    return keras.layers.UnitNormalization()(Lambda(_root)(x))


def _block(inputs: Any) -> Any:
    pairs = zip(*(_cut(Dense(800)(x), 10) for x in inputs), strict=True)
    fused = [
        _norm(pooled(Multiply()([Dense(80 * RANK, use_bias=False)(x) for x in pair]), RANK))
        for pair in pairs
    ]
    return Dense(UNITS)(Concatenate()(fused))


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Core(keras.layers.Layer):
    """A full bilinear form, which Keras has no layer for: the outer product and a matrix."""

    def build(self, input_shape: Any) -> None:
        size = input_shape[0][-1]
        self.kernel = self.add_weight(name="kernel", shape=(size * size, size))

    def call(self, inputs: Any) -> Any:
        x, y = inputs
        outer = keras.ops.expand_dims(x, -1) * keras.ops.expand_dims(y, -2)
        size = outer.shape[-1]
        return keras.ops.matmul(keras.ops.reshape(outer, (-1, size * size)), self.kernel)


def _tucker(inputs: Any) -> Any:
    return Dense(UNITS)(Core()([Dense(96)(x) for x in inputs]))


def _block_tucker(inputs: Any) -> Any:
    pairs = zip(*(_cut(Dense(320)(x), 4) for x in inputs), strict=True)
    return Dense(UNITS)(Concatenate()([_norm(Core()(list(pair))) for pair in pairs]))


def _mrn(inputs: Any) -> Any:
    x, h = inputs
    for _ in range(3):
        seen = Dense(UNITS, activation="tanh")(Dense(UNITS, activation="tanh")(x))
        h = Add()([Dense(UNITS)(h), Multiply()([Dense(UNITS, activation="tanh")(h), seen])])
    return h


PAIRS = {
    "MFH": Pair(lambda: layers.MFH(UNITS, rank=UNITS, normalize=False), _mfh, TWO),
    "MUTAN": Pair(lambda: layers.MUTAN(UNITS, rank=RANK), _mutan, TWO),
    "BLOCK": Pair(lambda: layers.BLOCK(UNITS, mm_dim=800, chunks=10, rank=RANK), _block, TWO),
    "TuckerFusion": Pair(lambda: layers.TuckerFusion(UNITS, mm_dim=96), _tucker, TWO),
    "BlockTucker": Pair(
        lambda: layers.BlockTucker(UNITS, mm_dim=320, chunks=4), _block_tucker, TWO
    ),
    "MRN": Pair(lambda: layers.MRN(UNITS), _mrn, TWO),
}
