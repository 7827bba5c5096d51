"""timm's names for what the blocks of gMLP hold."""

from typing import Any

from keras import ops

from keras_hadamard._typing import Tensor
from keras_hadamard.layers import GMLPBlock, SpatialGatingUnit

Mapping = dict[str, Any]


def one_head(x: Tensor) -> Tensor:
    """A weight without the axis of heads, as one with it."""
    return ops.expand_dims(x, 0)


def timm_gate(layer: SpatialGatingUnit, prefix: str = "") -> Mapping:
    return {
        f"{prefix}norm": layer.norm,
        f"{prefix}proj.weight": (layer.spatial_kernel, one_head),
        f"{prefix}proj.bias": (layer.spatial_bias, one_head),
    }


def timm_block(block: GMLPBlock, prefix: str = "") -> Mapping:
    return {
        f"{prefix}fc1": block.input_projection,
        **timm_gate(block.gate, f"{prefix}gate."),
        f"{prefix}fc2": block.output_projection,
    }
