"""Focal modulation, gated and modulated convolutions in plain Keras."""

from typing import Any

import keras
from keras import ops
from keras.layers import Activation, Add, Conv2D, Dense, DepthwiseConv2D, Multiply

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers


def _depthwise_of_rows(size: int) -> keras.layers.Layer:
    """Keras has no grouped convolution of sequences that exports; a row is an image."""
    return DepthwiseConv2D((1, size), padding="same", use_bias=False)


def _depthwise(size: int, **how: Any) -> keras.layers.Layer:
    return DepthwiseConv2D(size, padding="same", **how)


def _focal(x: Any, depthwise: Any, levels: int = 2) -> Any:
    width = x.shape[-1]
    projected = Dense(2 * width + levels + 1)(x)
    query, context, gates = ops.split(projected, (width, 2 * width), axis=-1)
    *local, whole = ops.split(gates, levels + 1, axis=-1)
    terms = []
    for level, gate in enumerate(local):
        context = Activation("gelu")(depthwise(3 + 2 * level)(context))
        terms.append(Multiply()([context, gate]))
    mean = ops.mean(context, axis=(1, 2), keepdims=True)
    terms.append(Multiply()([Activation("gelu")(mean), whole]))
    return Dense(width)(Multiply()([query, Dense(width)(Add()(terms))]))


def _focal_1d(x: Any) -> Any:
    return ops.squeeze(_focal(ops.expand_dims(x, 1), _depthwise_of_rows), 1)


def _focal_2d(x: Any) -> Any:
    return _focal(x, lambda size: _depthwise(size, use_bias=False))


def _gn_conv(x: Any, order: int) -> Any:
    width = x.shape[-1]
    widths = [width // 2**i for i in reversed(range(order))]
    p, q = ops.split(Conv2D(2 * width, 1)(x), widths[:1], axis=-1)
    q = _depthwise(7)(q) / 3
    ends = [sum(widths[: i + 1]) for i in range(order - 1)]
    first, *rest = ops.split(q, ends, axis=-1)
    p = Multiply()([p, first])
    for neighbours in rest:
        p = Multiply()([Conv2D(neighbours.shape[-1], 1)(p), neighbours])
    return Conv2D(width, 1)(p)


def _convolutional(x: Any) -> Any:
    width = x.shape[-1]
    context = _depthwise(11)(Conv2D(width, 1, activation="gelu")(x))
    return Conv2D(width, 1)(Multiply()([context, Conv2D(width, 1)(x)]))


def _efficient(x: Any, expansion: int = 4) -> Any:
    width = x.shape[-1]
    context = Dense(width)(_depthwise(7, activation="gelu")(Dense(width)(x)))
    context = ops.tile(context, (1, 1, 1, expansion))
    value = Dense(expansion * width, activation="gelu")(x)
    return Dense(width)(Multiply()([value, context]))


def _large_kernel(x: Any) -> Any:
    width = x.shape[-1]
    value = Conv2D(width, 1, activation="gelu")(x)
    context = Conv2D(width, 1)(_depthwise(7, dilation_rate=3)(_depthwise(5)(value)))
    return Conv2D(width, 1)(Multiply()([value, context]))


IMAGE = ((28, 28, 64),)
PAIRS = {
    "FocalModulation1D": Pair(layers.FocalModulation1D, _focal_1d, ((1024, 64),), batch=8),
    "FocalModulation2D": Pair(layers.FocalModulation2D, _focal_2d, IMAGE, batch=8),
    "GnConv2D": Pair(lambda: layers.GnConv2D(3), lambda x: _gn_conv(x, 3), IMAGE, batch=8),
    "ConvolutionalModulation2D": Pair(
        layers.ConvolutionalModulation2D, _convolutional, IMAGE, batch=8
    ),
    "EfficientModulation2D": Pair(layers.EfficientModulation2D, _efficient, IMAGE, batch=8),
    "LargeKernelAttention2D": Pair(layers.LargeKernelAttention2D, _large_kernel, IMAGE, batch=8),
}
