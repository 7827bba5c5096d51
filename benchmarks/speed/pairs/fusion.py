"""The fusions in plain Keras."""

from typing import Any

from keras.layers import (
    Add,
    Concatenate,
    Dense,
    Multiply,
    Reshape,
)

from benchmarks.speed.pairs._pair import Pair, pooled
from keras_hadamard import layers


def _mfb(inputs: Any) -> Any:
    return pooled(Multiply()([Dense(512 * 5)(x) for x in inputs]), 5)


def _film(inputs: Any) -> Any:
    x, condition = inputs
    gamma, beta = (Reshape((1, 1, x.shape[-1]))(Dense(x.shape[-1])(condition)) for _ in range(2))
    return Add()([Multiply()([x, gamma]), x, beta])


TWO = ((512,), (512,))
PAIRS = {
    "MLB": Pair(
        lambda: layers.MLB(512),
        lambda x: Dense(512)(Multiply()([Dense(512, activation="tanh")(i) for i in x])),
        TWO,
    ),
    "MFB": Pair(lambda: layers.MFB(512, normalize=False), _mfb, TWO),
    "ConcatFusion": Pair(
        lambda: layers.ConcatFusion(512), lambda x: Dense(512)(Concatenate()(x)), TWO
    ),
    "SumFusion": Pair(
        lambda: layers.SumFusion(512),
        lambda x: Dense(512)(Add()([Dense(512, activation="relu")(i) for i in x])),
        TWO,
    ),
    "HadamardFusion": Pair(
        lambda: layers.HadamardFusion(512), lambda x: Multiply()([Dense(512)(i) for i in x]), TWO
    ),
    "FiLM": Pair(layers.FiLM, _film, ((32, 32, 32), (64,))),
}
