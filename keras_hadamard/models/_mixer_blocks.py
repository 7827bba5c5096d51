"""The blocks of FocalNet, HorNet and EfficientMod, and the authors' names for their layers.

A block is a few layers of a functional model; it returns its output and its part of the mapping.
"""

import types
from collections.abc import Sequence
from typing import Any

import keras

from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers import (
    DropPath,
    EfficientModulation2D,
    FocalModulation2D,
    GnConv2D,
    LayerScale,
)
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers.pairwise._feed_forward import FeedForward
from keras_hadamard.layers.pairwise._self_attention import SelfAttention2D
from keras_hadamard.models._checkpoint import pointwise, spectrum

Mapping = dict[str, Any]


def untracked(mapping: Mapping) -> types.MappingProxyType[str, Any]:
    """Hides weights in an attribute: Keras would track those in a plain dictionary."""
    return types.MappingProxyType(mapping)


def normal() -> keras.initializers.Initializer:
    """A new initializer for each layer: one instance would give equal shapes equal values."""
    return keras.initializers.TruncatedNormal(stddev=0.02)


def linear() -> dict[str, Any]:
    """The initialisation of the authors' linear layers."""
    return {"kernel_initializer": normal(), "bias_initializer": "zeros"}


def layer_norm(name: str, epsilon: float) -> keras.layers.LayerNormalization:
    return keras.layers.LayerNormalization(epsilon=epsilon, name=name)


def residual(
    x: Tensor,
    branch: Sequence[keras.layers.Layer],
    name: str,
    *,
    layer_scale: float,
    drop_path: float,
) -> tuple[Tensor, list[Any]]:
    """`x + drop(gamma * branch(x))`, and the variable `gamma` if the scale is not zero."""
    y, gammas = x, []
    for layer in branch:
        y = layer(y)
    if layer_scale:
        scale = LayerScale(layer_scale, name=f"{name}_scale")
        y = scale(y)
        gammas.append(scale.gamma)
    y = DropPath(drop_path, name=f"{name}_drop_path")(y)
    return keras.layers.Add(name=f"{name}_sum")([x, y]), gammas


def focal_block(
    x: Tensor,
    name: str,
    prefix: str = "",
    *,
    post_norm: bool = False,
    layer_scale: float = 0.0,
    drop_path: float = 0.0,
    modulation: dict[str, Any],
) -> tuple[Tensor, Mapping]:
    """`x + g_1 M(LN x)` and the same with dense layers; with `post_norm`, `x + g_1 LN(M x)`."""
    mapping: Mapping = {}
    mixer = FocalModulation2D(
        depthwise_initializer=FanInUniform(),
        data_format="channels_last",
        name=f"{name}_modulation",
        **linear(),
        **modulation,
    )
    dense = FeedForward(name=f"{name}_feed_forward", **linear())
    for i, layer in enumerate((mixer, dense), 1):
        norm = layer_norm(f"{name}_normalization_{i}", 1e-5)
        branch = [layer, norm] if post_norm else [norm, layer]
        part = f"{name}_residual_{i}"
        x, gammas = residual(x, branch, part, layer_scale=layer_scale, drop_path=drop_path)
        mapping[f"{prefix}norm{i}"] = norm
        mapping |= {f"{prefix}gamma_{i}": gamma for gamma in gammas}
    mapping |= focal_modulation(mixer, f"{prefix}modulation.")
    return x, mapping | feed_forward(dense, f"{prefix}mlp.fc1", f"{prefix}mlp.fc2")


def hor_block(
    x: Tensor,
    name: str,
    prefix: str = "",
    *,
    layer_scale: float = 1e-6,
    drop_path: float = 0.0,
    **convolution: Any,
) -> tuple[Tensor, Mapping]:
    """`x + g_1 C(LN x)` with a recursive gated convolution, and the same with dense layers."""
    mapping: Mapping = {}
    mixer = GnConv2D(
        depthwise_initializer=normal(),
        data_format="channels_last",
        name=f"{name}_convolution",
        **linear(),
        **convolution,
    )
    dense = FeedForward(name=f"{name}_feed_forward", **linear())
    for i, layer in enumerate((mixer, dense), 1):
        norm = layer_norm(f"{name}_normalization_{i}", 1e-6)
        part = f"{name}_residual_{i}"
        x, gammas = residual(x, [norm, layer], part, layer_scale=layer_scale, drop_path=drop_path)
        mapping[f"{prefix}norm{i}"] = norm
        mapping |= {f"{prefix}gamma{i}": gamma for gamma in gammas}
    mapping |= gn_conv(mixer, f"{prefix}gnconv.")
    return x, mapping | feed_forward(dense, f"{prefix}pwconv1", f"{prefix}pwconv2")


def modulation_block(
    x: Tensor,
    name: str,
    prefix: str = "",
    *,
    layer_scale: float = 1e-4,
    drop_path: float = 0.0,
    **modulation: Any,
) -> tuple[Tensor, Mapping]:
    """`x + g M(LN x)` with an efficient modulation, which combines mixer and dense layers."""
    norm = layer_norm(f"{name}_normalization", 1e-5)
    mixer = EfficientModulation2D(
        depthwise_initializer=FanInUniform(),
        data_format="channels_last",
        name=f"{name}_modulation",
        **linear(),
        **modulation,
    )
    part = f"{name}_residual"
    x, gammas = residual(x, [norm, mixer], part, layer_scale=layer_scale, drop_path=drop_path)
    return x, {
        f"{prefix}norm": norm,
        **{f"{prefix}gamma_1": gamma for gamma in gammas},
        **efficient_modulation(mixer, f"{prefix}mlp."),
    }


def attention_block(
    x: Tensor, name: str, prefix: str = "", *, expansion: int = 4, drop_path: float = 0.0
) -> tuple[Tensor, Mapping]:
    """`x + A(LN x)` with attention over all pixels, and the same with dense layers."""
    mapping: Mapping = {}
    attention = SelfAttention2D(name=f"{name}_attention", **linear())
    dense = FeedForward(expansion, name=f"{name}_feed_forward", **linear())
    for i, layer in enumerate((attention, dense), 1):
        norm = layer_norm(f"{name}_normalization_{i}", 1e-5)
        part = f"{name}_residual_{i}"
        x, _ = residual(x, [norm, layer], part, layer_scale=0.0, drop_path=drop_path)
        mapping[f"{prefix}norm{i}"] = norm
    return x, {
        **mapping,
        f"{prefix}attn.qkv": attention.input_projection,
        f"{prefix}attn.proj": attention.output_projection,
        **feed_forward(dense, f"{prefix}mlp.fc1", f"{prefix}mlp.fc2"),
    }


def feed_forward(layer: FeedForward, first: str, second: str) -> Mapping:
    return {first: layer.hidden_projection, second: layer.output_projection}


def focal_modulation(layer: FocalModulation2D, prefix: str = "") -> Mapping:
    norm = layer.normalization
    return {
        f"{prefix}f": layer.input_projection,
        **{f"{prefix}focal_layers.{i}.0": d for i, d in enumerate(layer.depthwise)},
        **_pointwise(layer.modulator_projection, f"{prefix}h"),
        **({} if norm is None else {f"{prefix}ln": norm}),
        f"{prefix}proj": layer.output_projection,
    }


def gn_conv(layer: GnConv2D, prefix: str = "") -> Mapping:
    mapping = _pointwise(layer.input_projection, f"{prefix}proj_in")
    if layer.global_filter is None:
        mapping[f"{prefix}dwconv"] = layer.filter
    else:
        mapping |= {
            f"{prefix}dwconv.pre_norm": layer.filter.before,
            f"{prefix}dwconv.dw": layer.filter.depthwise,
            f"{prefix}dwconv.complex_weight": (layer.filter.spectrum, spectrum),
            f"{prefix}dwconv.post_norm": layer.filter.after,
        }
    for i, projection in enumerate(layer.projections):
        mapping |= _pointwise(projection, f"{prefix}pws.{i}")
    return mapping | _pointwise(layer.output_projection, f"{prefix}proj_out")


def efficient_modulation(layer: EfficientModulation2D, prefix: str = "") -> Mapping:
    context = f"{prefix}context_layer"
    return {
        f"{prefix}fc1": layer.value_projection,
        f"{context}.f": layer.context_projection,
        **{f"{context}.context_list.{i}": d for i, d in enumerate(layer.contexts)},
        f"{context}.g": layer.context_output,
        f"{prefix}fc2": layer.output_projection,
    }


def _pointwise(dense: keras.layers.Dense, name: str) -> Mapping:
    bias = {} if dense.bias is None else {f"{name}.bias": dense.bias}
    return {f"{name}.weight": (dense.kernel, pointwise), **bias}
