"""Configurations of the layers that no single domain owns."""

from typing import Any

from harness.layer_cases import SEQUENCE, VECTOR, LayerCase
from keras.layers import Dense, Identity

from keras_hadamard.layers import HadamardProduct


def product(**kwargs: Any) -> HadamardProduct:
    return HadamardProduct([Dense(4), Dense(4, activation="sigmoid")], **kwargs)


def product_with_all(**kwargs: Any) -> HadamardProduct:
    return HadamardProduct([Identity(), Dense(5)], output=Dense(5), skip=True, **kwargs)


def product_with_mean(**kwargs: Any) -> HadamardProduct:
    return HadamardProduct([Dense(4), Dense(4)], reduce="mean", **kwargs)


def product_with_pool(**kwargs: Any) -> HadamardProduct:
    return HadamardProduct([Dense(6), Dense(6)], reduce=2, output=Dense(2), **kwargs)


CASES = {
    "HadamardProduct": LayerCase(product, (VECTOR,)),
    "HadamardProduct-all": LayerCase(product_with_all, (SEQUENCE,)),
    "HadamardProduct-two": LayerCase(product_with_pool, ((5,), (7,))),
    "HadamardProduct-mean": LayerCase(product_with_mean, (SEQUENCE,), mask="consumed"),
}
