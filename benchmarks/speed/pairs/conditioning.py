"""The layers that a condition or a map modulates, in plain Keras."""

from typing import Any

from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GroupNormalization,
    Multiply,
    UpSampling2D,
)

from benchmarks.speed.pairs._pair import Pair, modulated
from keras_hadamard import layers


def _normalized(x: Any) -> Any:
    return BatchNormalization(epsilon=1e-5, center=False, scale=False)(x)


def _block(inputs: Any) -> Any:
    x, condition = inputs
    shortcut = Conv2D(32, 1, activation="relu")(x)
    y = _normalized(Conv2D(32, 3, padding="same")(shortcut))
    return Add()([shortcut, Activation("relu")(modulated(y, condition))])


def _batch_normalization(inputs: Any) -> Any:
    x, condition = inputs
    return modulated(_normalized(x), Dense(128, activation="relu")(condition))


def _spade(inputs: Any) -> Any:
    x, segmentation = inputs
    y = GroupNormalization(-1, epsilon=1e-5, center=False, scale=False)(x)
    a = Conv2D(64, 3, padding="same", activation="relu")(UpSampling2D(2)(segmentation))
    gamma, beta = (Conv2D(x.shape[-1], 3, padding="same")(a) for _ in range(2))
    return Add()([Multiply()([y, gamma]), y, beta])


IMAGE, CONDITION = (32, 32, 32), (64,)
PAIRS = {
    "FiLMResidualBlock2D": Pair(lambda: layers.FiLMResidualBlock2D(32), _block, (IMAGE, CONDITION)),
    "ConditionalBatchNormalization": Pair(
        lambda: layers.ConditionalBatchNormalization(128),
        _batch_normalization,
        (IMAGE, CONDITION),
    ),
    "SPADE": Pair(lambda: layers.SPADE(64), _spade, (IMAGE, (16, 16, 8)), batch=8),
}
