"""The star operation's and MONet's layers in plain Keras."""

from typing import Any

import keras
from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Dense,
    DepthwiseConv2D,
    LayerNormalization,
    Multiply,
)

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers


class _Scale(keras.layers.Layer):
    """A learned factor, of one number or one a channel."""

    def __init__(self, each: bool, start: float) -> None:
        super().__init__()
        self.each, self.start = each, start

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[-1],) if self.each else ()
        start = keras.initializers.Constant(self.start)
        self.factor = self.add_weight(shape=shape, initializer=start)

    def call(self, x: Any) -> Any:
        return self.factor * x


class _Shift(keras.layers.Layer):
    """The spatial shift as rolls whose border is put back."""

    def call(self, x: Any) -> Any:
        q = x.shape[-1] // 4
        moved = []
        for i, (axis, step) in enumerate(((1, 1), (1, -1), (2, 1), (2, -1))):
            quarter = x[..., i * q : (i + 1) * q]
            ahead = keras.ops.roll(quarter, step, axis)
            n = quarter.shape[axis]
            border = keras.ops.arange(n) == (0 if step == 1 else n - 1)
            border = keras.ops.reshape(border, (n, 1, 1) if axis == 1 else (1, n, 1))
            moved.append(keras.ops.where(border, quarter, ahead))
        return keras.ops.concatenate(moved, axis=-1)


def _mu(x: Any, hidden: int, shift: bool = False) -> Any:
    width = x.shape[-1]
    a, b = Dense(hidden)(x), Dense(hidden // 8)(x)
    if shift:
        a, b = _Shift()(a), _Shift()(b)
    a = LayerNormalization(epsilon=1e-6)(a)
    b = LayerNormalization(epsilon=1e-6)(Dense(hidden)(b))
    return Dense(width)(Add()([a, _Scale(False, 1.0)(Multiply()([a, b]))]))


def _poly_block(x: Any) -> Any:
    norm = LayerNormalization(epsilon=1e-6)
    z = Add()([x, _mu(norm(x), x.shape[-1], shift=True)])
    return Add()([z, _mu(norm(z), 3 * x.shape[-1])])


def _star(x: Any, expansion: int, activation: str) -> Any:
    hidden = expansion * x.shape[-1]
    product = Multiply()([Activation(activation)(Dense(hidden)(x)), Dense(hidden)(x)])
    return Dense(x.shape[-1])(product)


def _star_block(x: Any) -> Any:
    y = BatchNormalization()(DepthwiseConv2D(7, padding="same")(x))
    y = BatchNormalization()(_star(y, 4, "relu6"))
    return Add()([x, DepthwiseConv2D(7, padding="same")(y)])


def _demo_block(x: Any) -> Any:
    y = DepthwiseConv2D(7, padding="same")(LayerNormalization(epsilon=1e-5)(x))
    return Add()([x, _Scale(True, 1e-6)(_star(y, 3, "gelu"))])


IMAGE = ((28, 28, 64),)
PAIRS = {
    "MuLayer": Pair(lambda: layers.MuLayer(hidden_units=192), lambda x: _mu(x, 192), IMAGE),
    "PolyBlock": Pair(layers.PolyBlock, _poly_block, IMAGE, batch=8),
    "StarOperation": Pair(layers.StarOperation, lambda x: _star(x, 4, "relu6"), IMAGE, batch=8),
    "StarBlock2D": Pair(layers.StarBlock2D, _star_block, IMAGE, batch=8),
    "DemoBlock2D": Pair(layers.DemoBlock2D, _demo_block, IMAGE, batch=8),
}
