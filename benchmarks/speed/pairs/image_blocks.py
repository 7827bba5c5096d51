"""Gated blocks and feed-forward layers of images in plain Keras."""

from typing import Any

from keras import ops
from keras.layers import (
    Activation,
    Add,
    Concatenate,
    Conv2D,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    LayerNormalization,
    Multiply,
)

from benchmarks.speed.pairs._pair import Pair
from benchmarks.speed.pairs.modulation import Affine
from keras_hadamard import layers


def _depthwise(size: int = 3, **how: Any) -> DepthwiseConv2D:
    return DepthwiseConv2D(size, padding="same", **how)


def _conv_glu(x: Any) -> Any:
    width = x.shape[-1]
    hidden = 8 * width // 3
    gate, value = ops.split(Conv2D(2 * hidden, 1)(x), 2, axis=-1)
    gate = _depthwise(activation="gelu")(gate)
    return Conv2D(width, 1)(Multiply()([value, gate]))


def _gated_feed_forward(x: Any) -> Any:
    width = x.shape[-1]
    hidden = int(2.66 * width)
    both = _depthwise(use_bias=False)(Conv2D(2 * hidden, 1, use_bias=False)(x))
    gate, value = ops.split(both, 2, axis=-1)
    return Conv2D(width, 1, use_bias=False)(Multiply()([value, Activation("gelu")(gate)]))


def _gated_conv_block(x: Any) -> Any:
    width = x.shape[-1]
    hidden = int(8 / 3 * width)
    both = Conv2D(2 * hidden, 1)(LayerNormalization(epsilon=1e-6)(x))
    gate, value, convolved = ops.split(both, (hidden, 2 * hidden - width), axis=-1)
    value = Concatenate()([value, _depthwise(7)(convolved)])
    return Add()([x, Conv2D(width, 1)(Multiply()([value, Activation("gelu")(gate)]))])


def _naf_block(x: Any) -> Any:
    width = x.shape[-1]
    u = _depthwise()(Conv2D(2 * width, 1)(LayerNormalization(epsilon=1e-6)(x)))
    u = Multiply()(ops.split(u, 2, axis=-1))
    u = Multiply()([u, Conv2D(width, 1)(GlobalAveragePooling2D(keepdims=True)(u))])
    z = Add()([x, Affine()(Conv2D(width, 1)(u))])
    u = Conv2D(2 * width, 1)(LayerNormalization(epsilon=1e-6)(z))
    u = Conv2D(width, 1)(Multiply()(ops.split(u, 2, axis=-1)))
    return Add()([z, Affine()(u)])


IMAGE = ((28, 28, 64),)
PAIRS = {
    "ConvGLU": Pair(layers.ConvGLU, _conv_glu, IMAGE, batch=8),
    "GatedFeedForward2D": Pair(layers.GatedFeedForward2D, _gated_feed_forward, IMAGE, batch=8),
    "GatedConvBlock2D": Pair(layers.GatedConvBlock2D, _gated_conv_block, IMAGE, batch=8),
    "NAFBlock2D": Pair(layers.NAFBlock2D, _naf_block, IMAGE, batch=8),
}
