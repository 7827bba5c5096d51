"""Attention over channels, and layers that a style or condition modulates, in plain Keras."""

from typing import Any

import keras
from keras import ops
from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv1D,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Lambda,
    LayerNormalization,
    Multiply,
    Reshape,
)

from benchmarks.speed.pairs._pair import Pair, modulated
from keras_hadamard import layers


def _squeeze_excite(x: Any) -> Any:
    gate = Dense(x.shape[-1] // 16, activation="relu")(GlobalAveragePooling2D(keepdims=True)(x))
    return Multiply()([x, Dense(x.shape[-1], activation="sigmoid")(gate)])


def _attention_of_both(x: Any) -> Any:
    squeeze, excite = Dense(x.shape[-1] // 16, activation="relu"), Dense(x.shape[-1])
    pooled = (pool(keepdims=True)(x) for pool in (GlobalAveragePooling2D, GlobalMaxPooling2D))
    gate = Add()([excite(squeeze(s)) for s in pooled])
    x = Multiply()([x, Activation("sigmoid")(gate)])
    mean = Lambda(lambda x: ops.mean(x, axis=-1, keepdims=True))(x)
    maximum = Lambda(lambda x: ops.max(x, axis=-1, keepdims=True))(x)
    gate = Conv2D(1, 7, padding="same", use_bias=False, activation="sigmoid")(
        Concatenate()([mean, maximum])
    )
    return Multiply()([x, gate])


def _efficient_attention(x: Any) -> Any:
    gate = Reshape((-1, 1))(GlobalAveragePooling2D()(x))
    gate = Conv1D(1, 3, padding="same", use_bias=False, activation="sigmoid")(gate)
    return Multiply()([x, Reshape((1, 1, -1))(gate)])


def _coordinate_attention(x: Any) -> Any:
    _, height, _, channels = x.shape
    rows, columns = ops.mean(x, axis=2), ops.mean(x, axis=1)
    hidden = Dense(max(8, channels // 32))(Concatenate(axis=1)([rows, columns]))
    hidden = Activation("hard_swish")(BatchNormalization(epsilon=1e-5)(hidden))
    rows = Dense(channels, activation="sigmoid")(hidden[:, :height])
    columns = Dense(channels, activation="sigmoid")(hidden[:, height:])
    return x * rows[:, :, None] * columns[:, None]


def _attention_without_weights(x: Any) -> Any:
    d = ops.square(x - ops.mean(x, axis=(1, 2), keepdims=True))
    variance = ops.sum(d, axis=(1, 2), keepdims=True) / (x.shape[1] * x.shape[2] - 1)
    return x * ops.sigmoid(d / (4 * (variance + 1e-4)) + 0.5)


def _adain(inputs: Any) -> Any:
    x, style = inputs
    return modulated(GroupNormalization(-1, epsilon=1e-5, center=False, scale=False)(x), style)


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class _ModulatedConvolution(keras.layers.Layer):
    """The modulated convolution as Keras's own StyleGAN-like examples write it."""

    def build(self, input_shape: Any) -> None:
        channels = input_shape[0][-1]
        self.affine = Dense(channels, bias_initializer="ones")
        self.affine.build(input_shape[1])
        self.kernel = self.add_weight(name="kernel", shape=(3, 3, channels, channels))
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        x, style = inputs
        scale = self.affine(style)
        kernel = scale[:, None, None, :, None] * self.kernel
        demodulation = ops.rsqrt(ops.sum(ops.square(kernel), axis=(1, 2, 3)) + 1e-8)
        y = ops.conv(x * scale[:, None, None], self.kernel, padding="same")
        return y * demodulation[:, None, None] + self.bias


def _layer_normalization(inputs: Any) -> Any:
    x, condition = inputs
    y = LayerNormalization(epsilon=1e-6, center=False, scale=False)(x)
    return modulated(y, Activation("silu")(condition))


IMAGE, CONDITION = (32, 32, 64), (64,)
PAIRS = {
    "SqueezeExcite2D": Pair(
        lambda: layers.SqueezeExcite2D(hidden_units=4), _squeeze_excite, (IMAGE,)
    ),
    "CBAM2D": Pair(layers.CBAM2D, _attention_of_both, (IMAGE,)),
    "EfficientChannelAttention2D": Pair(
        layers.EfficientChannelAttention2D, _efficient_attention, (IMAGE,)
    ),
    "CoordinateAttention2D": Pair(layers.CoordinateAttention2D, _coordinate_attention, (IMAGE,)),
    "SimAM": Pair(layers.SimAM, _attention_without_weights, (IMAGE,)),
    "AdaIN": Pair(layers.AdaIN, _adain, (IMAGE, CONDITION)),
    "ModulatedConv2D": Pair(
        layers.ModulatedConv2D,
        lambda inputs: _ModulatedConvolution()(inputs),
        (IMAGE, CONDITION),
        batch=8,
    ),
    "ConditionalLayerNormalization": Pair(
        layers.ConditionalLayerNormalization, _layer_normalization, ((128, 256), CONDITION)
    ),
}
