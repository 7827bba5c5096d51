"""The gates in plain Keras."""

from typing import Any

import keras
from keras import ops
from keras.layers import Activation, Add, Dense, LayerNormalization, Multiply

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers


def gated_mlp(x: Any, hidden_units: int | None = None) -> Any:
    hidden_units = hidden_units or 8 * x.shape[-1] // 3
    value, gate = (Dense(hidden_units, use_bias=False)(x) for _ in range(2))
    product = Multiply()([value, Activation("silu")(gate)])
    return Dense(x.shape[-1], use_bias=False)(product)


def _simple_gate(x: Any) -> Any:
    return Multiply()(ops.split(x, 2, axis=-1))


def _highway(x: Any) -> Any:
    width = x.shape[-1]
    gate = Dense(width, activation="sigmoid", bias_initializer=keras.initializers.Constant(-1.0))(x)
    return gate * Dense(width, activation="relu")(x) + (1 - gate) * x


def _gated_residual(inputs: Any) -> Any:
    x, context = inputs
    width = x.shape[-1]
    hidden = Dense(width)(x) + Dense(width, use_bias=False)(context)[:, None]
    hidden = Dense(width)(Activation("elu")(hidden))
    gated = Multiply()([Dense(width)(hidden), Dense(width, activation="sigmoid")(hidden)])
    return LayerNormalization()(Add()([x, gated]))


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Affine(keras.layers.Layer):
    """A learned scale of each channel, and perhaps a shift, which Keras has no layer for."""

    def __init__(self, shift: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shift = shift

    def build(self, input_shape: Any) -> None:
        shape = input_shape[-1:]
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="zeros")
        self.beta = self.add_weight(name="beta", shape=shape) if self.shift else None

    def call(self, x: Any) -> Any:
        y = x * self.gamma
        return y if self.beta is None else y + self.beta


def _global_response_normalization(x: Any) -> Any:
    norm = ops.sqrt(ops.sum(x * x, axis=(1, 2), keepdims=True))
    share = norm / (ops.mean(norm, axis=-1, keepdims=True) + 1e-6)
    return x + Affine(shift=True)(x * share)


PAIRS = {
    "GatedDense": Pair(
        lambda: layers.GatedDense(512, activation="silu"),
        lambda x: Multiply()([Dense(512)(x), Activation("silu")(Dense(512)(x))]),
        ((512,),),
    ),
    "GatedMLP": Pair(layers.GatedMLP, gated_mlp, ((128, 192),)),
    "SimpleGate": Pair(layers.SimpleGate, _simple_gate, ((32, 32, 128),)),
    "Highway": Pair(layers.Highway, _highway, ((512,),)),
    "GatedResidual": Pair(layers.GatedResidual, _gated_residual, ((64, 128), (32,))),
    "LayerScale": Pair(layers.LayerScale, lambda x: Affine()(x), ((32, 32, 64),)),
    "GlobalResponseNormalization": Pair(
        layers.GlobalResponseNormalization, _global_response_normalization, ((28, 28, 128),)
    ),
}
