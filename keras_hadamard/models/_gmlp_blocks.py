"""timm's names for the layers in the blocks of gMLP."""

from typing import Any

from keras_hadamard.layers import GMLPBlock, SpatialGatingUnit
from keras_hadamard.models._checkpoint import one_head

Mapping = dict[str, Any]


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
