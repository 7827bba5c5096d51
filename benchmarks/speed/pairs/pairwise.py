"""The pairwise operations in plain Keras."""

from typing import Any

from keras.layers import (
    Add,
    Dense,
    GlobalAveragePooling1D,
    Multiply,
)

from benchmarks.speed.pairs._pair import Pair, Scale
from keras_hadamard import layers


def _poly_non_local(x: Any) -> Any:
    width = x.shape[-1]
    pooled = GlobalAveragePooling1D(keepdims=True)(Multiply()([Dense(width)(x), Dense(width)(x)]))
    return Add()([Scale()(Dense(width)(Multiply()([pooled, x]))), Scale()(x)])


PAIRS = {
    "PolyNonLocal": Pair(layers.PolyNonLocal, _poly_non_local, ((1024, 64),)),
}
