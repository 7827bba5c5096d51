"""Configurations of hyper-connections."""

from typing import Any

from harness.layer_cases import LayerCase
from keras.layers import Dense, Identity

from keras_hadamard.layers import HyperConnections

POSITIONS, VECTORS = (6, 3, 5), (2, 2, 3, 5)


def around_dense(**kwargs: Any) -> HyperConnections:
    return HyperConnections(Dense(5), **{"streams": 3, **kwargs})


def around_nothing(**kwargs: Any) -> HyperConnections:
    return HyperConnections(Identity(), **{"streams": 3, **kwargs})


CASES = {
    "HyperConnections": LayerCase(
        around_dense, (POSITIONS,), {"streams": 3}, wrong_ranks=((), (5,), (6, 5))
    ),
    "HyperConnections-plain": LayerCase(
        around_dense, (VECTORS,), {"streams": 3, "index": 4, "activation": None}
    ),
    "HyperConnections-static": LayerCase(around_nothing, (POSITIONS,), {"dynamic": False}),
}
