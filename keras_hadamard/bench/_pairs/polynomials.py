"""The polynomial layers in plain Keras."""

from typing import Any

from keras.layers import (
    Add,
    Dense,
    Multiply,
)

from keras_hadamard import layers
from keras_hadamard.bench._pairs._pair import Pair


def _chain(x: Any) -> Any:
    first, *rest = (Dense(256, use_bias=False)(x) for _ in range(8))
    for factor in rest:
        first = Add()([Multiply()([factor, first]), first])
    return Dense(256)(first)


PAIRS = {
    "PolynomialDense": Pair(lambda: layers.PolynomialDense(256, 8), _chain, ((256,),)),
}
