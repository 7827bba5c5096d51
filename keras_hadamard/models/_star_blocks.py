"""The authors' names for the layers in the blocks of StarNet, DemoNet and MONet."""

from collections.abc import Callable
from typing import Any

import keras

from keras_hadamard.layers import DemoBlock2D, MuLayer, PolyBlock, StarBlock2D
from keras_hadamard.models._checkpoint import first_half, pointwise, second_half

Mapping = dict[str, Any]


def by_prefix(
    made: dict[str, keras.layers.Layer], kind: type, of_block: Callable[..., Mapping]
) -> Mapping:
    """The names of a network from those of its layers, with its blocks expanded."""
    mapping: Mapping = {}
    for prefix, layer in made.items():
        mapping |= of_block(layer, prefix) if isinstance(layer, kind) else {prefix: layer}
    return mapping


def star_block(block: StarBlock2D, prefix: str = "") -> Mapping:
    star = block.star_operation
    return {
        f"{prefix}dwconv.conv": block.depthwise_1,
        f"{prefix}dwconv.bn": block.normalization_1,
        **_pointwise(star.activated_projection, f"{prefix}f1.conv"),
        **_pointwise(star.plain_projection, f"{prefix}f2.conv"),
        **_pointwise(star.output_projection, f"{prefix}g.conv"),
        f"{prefix}g.bn": block.normalization_2,
        f"{prefix}dwconv2.conv": block.depthwise_2,
    }


def demo_block(block: DemoBlock2D, prefix: str = "") -> Mapping:
    star = block.star_operation
    # The authors' code has one projection for both branches.
    halves = (star.activated_projection, first_half), (star.plain_projection, second_half)
    return {
        **({} if block.gamma is None else {f"{prefix}gamma": block.gamma}),
        f"{prefix}norm": block.normalization,
        f"{prefix}dwconv": block.depthwise,
        f"{prefix}f.weight": [(branch.kernel, half) for branch, half in halves],
        f"{prefix}f.bias": [(branch.bias, half) for branch, half in halves],
        f"{prefix}g": star.output_projection,
    }


def mu_layer(layer: MuLayer, prefix: str = "") -> Mapping:
    return {
        **({} if layer.alpha is None else {f"{prefix}alpha": layer.alpha}),
        f"{prefix}norm1": layer.value_normalization,
        f"{prefix}norm3": layer.gate_normalization,
        f"{prefix}U1": layer.value_projection,
        f"{prefix}U2": layer.reduction,
        f"{prefix}U3": layer.gate_projection,
        f"{prefix}C": layer.output_projection,
    }


def poly_block(block: PolyBlock, prefix: str = "") -> Mapping:
    (normalization,) = block.normalizations
    return {
        f"{prefix}norm": normalization,
        **mu_layer(block.spatial, f"{prefix}mlp1."),
        **mu_layer(block.channel, f"{prefix}mlp2."),
    }


def _pointwise(dense: keras.layers.Dense, name: str) -> Mapping:
    return {f"{name}.weight": (dense.kernel, pointwise), f"{name}.bias": dense.bias}
