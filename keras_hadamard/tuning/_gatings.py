"""The tables of gates that a search chooses from, by what they stand on."""

from collections.abc import Callable
from typing import Any

import keras

from keras_hadamard import layers
from keras_hadamard._export import serializable
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.tuning.spaces import Option, Parameter, Space

Build = Callable[..., keras.layers.Layer]


@serializable
class Unconditioned(keras.layers.Layer):
    """The first of a list of tensors: the baseline of layers that a condition modulates."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        return inputs[0]

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor | None:
        return mask[0] if isinstance(mask, list | tuple) else mask

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return tuple(input_shape[0])


def _gated(activation: str) -> Build:
    return lambda units, **kwargs: layers.GatedDense(units, activation=activation, **kwargs)


def _highway(units: int, name: str, **kwargs: Any) -> keras.layers.Layer:
    """A highway keeps the width of its input, so a projection stands before it."""
    return keras.Sequential([keras.layers.Dense(units), layers.Highway(**kwargs)], name=name)


def _as_wide_as_its_input(layer: Callable[..., keras.layers.Layer], **given: Any) -> Build:
    return lambda units, **kwargs: layer(**given, **kwargs)


def _efficient_attention(units: int, neighbours: int, **kwargs: Any) -> keras.layers.Layer:
    return layers.EfficientChannelAttention2D(neighbours or None, **kwargs)


def _conditional_batch_norm(units: int, hidden_units: int, **kwargs: Any) -> keras.layers.Layer:
    return layers.ConditionalBatchNormalization(hidden_units or None, **kwargs)


def _spade(units: int, map_units: int, **kwargs: Any) -> keras.layers.Layer:
    return layers.SPADE(map_units, **kwargs)


DROPOUT = Parameter((0.0, 0.1, 0.2), default=0.0)
VECTOR = Space(
    options={
        "dense": Option(
            lambda units, **kwargs: keras.layers.Dense(units, activation="relu", **kwargs)
        ),
        "glu": Option(_gated("sigmoid")),
        "swiglu": Option(_gated("silu")),
        "geglu": Option(_gated("gelu")),
        "reglu": Option(_gated("relu")),
        "bilinear": Option(_gated("linear")),
        "gated_mlp": Option(
            lambda units, **kwargs: layers.GatedMLP(units, **kwargs), uses=("activation", "dropout")
        ),
        "highway": Option(_highway, uses=("transform_bias",)),
        "gated_residual": Option(
            lambda units, **kwargs: layers.GatedResidual(units, **kwargs), uses=("dropout",)
        ),
    },
    parameters={
        "activation": Parameter(("silu", "gelu", "relu", "sigmoid"), default="silu"),
        "transform_bias": Parameter((-3.0, -2.0, -1.0), default=-1.0),
        "dropout": DROPOUT,
    },
)
SQUEEZE_EXCITE = layers.SqueezeExcite2D
IMAGE = Space(
    options={
        "identity": Option(_as_wide_as_its_input(keras.layers.Identity)),
        "squeeze_excite": Option(_as_wide_as_its_input(SQUEEZE_EXCITE), uses=("ratio", "use_max")),
        "effective_squeeze_excite": Option(
            _as_wide_as_its_input(SQUEEZE_EXCITE, mode="effective"), uses=("use_max",)
        ),
        "concurrent_squeeze_excite": Option(
            _as_wide_as_its_input(SQUEEZE_EXCITE, mode="concurrent"), uses=("ratio", "merge")
        ),
        "cbam": Option(
            _as_wide_as_its_input(layers.CBAM2D),
            uses=("ratio", "kernel_size", "use_batch_normalization"),
        ),
        "efficient": Option(_efficient_attention, uses=("neighbours",)),
        "response_norm": Option(_as_wide_as_its_input(layers.GlobalResponseNormalization)),
    },
    parameters={
        "ratio": Parameter((1 / 16, 1 / 8, 1 / 4), default=1 / 16),
        "use_max": Parameter((True, False), default=False),
        "merge": Parameter(("add", "max"), default="add"),
        "kernel_size": Parameter((3, 7), default=7),
        "use_batch_normalization": Parameter((True, False), default=False),
        # None, the number by the channels, is no value that KerasTuner takes.
        "neighbours": Parameter((0, 3, 5, 7), default=0),
    },
)
# What modulates features at any positions, or none.
CONDITIONED = {
    "identity": Option(_as_wide_as_its_input(Unconditioned)),
    "film": Option(_as_wide_as_its_input(layers.FiLM), uses=("use_shift",)),
    "conditional_batch_norm": Option(_conditional_batch_norm, uses=("hidden_units",)),
    "conditional_layer_norm": Option(
        _as_wide_as_its_input(layers.ConditionalLayerNormalization), uses=("activation",)
    ),
}
CONDITIONED_PARAMETERS = {
    "use_shift": Parameter((True, False), default=True),
    # Zero for none.
    "hidden_units": Parameter((0, 64, 128), default=0),
    "activation": Parameter(("linear", "silu"), default="silu"),
}
GATINGS = {
    "vector": VECTOR,
    "image": IMAGE,
    "conditioned": Space(
        options={
            **CONDITIONED,
            "gated_residual": Option(
                _as_wide_as_its_input(layers.GatedResidual), uses=("dropout",)
            ),
        },
        parameters={**CONDITIONED_PARAMETERS, "dropout": DROPOUT},
    ),
    "conditioned_image": Space(
        options={
            **CONDITIONED,
            "adain": Option(_as_wide_as_its_input(layers.AdaIN)),
            "spade": Option(_spade, uses=("map_units", "normalization", "kernel_size")),
            "modulated_conv": Option(
                _as_wide_as_its_input(layers.ModulatedConv2D), uses=("kernel_size", "demodulate")
            ),
        },
        parameters={
            **CONDITIONED_PARAMETERS,
            "map_units": Parameter((32, 64, 128), default=128),
            "normalization": Parameter(("instance", "batch"), default="instance"),
            "kernel_size": Parameter((1, 3), default=3),
            "demodulate": Parameter((True, False), default=True),
        },
    ),
}
