"""The authors' names for the parts of the blocks of MambaOut and NAFNet."""

from typing import Any

import keras

from keras_hadamard.layers import GatedConvBlock2D, NAFBlock2D
from keras_hadamard.models._checkpoint import pointwise, vector

Mapping = dict[str, Any]


def gated_conv_block(block: GatedConvBlock2D, prefix: str = "") -> Mapping:
    return {
        f"{prefix}norm": block.normalization,
        f"{prefix}fc1": block.hidden_projection,
        f"{prefix}conv": block.depthwise,
        f"{prefix}fc2": block.output_projection,
    }


def naf_block(block: NAFBlock2D, prefix: str = "") -> Mapping:
    return {
        f"{prefix}norm1": block.normalization_1,
        f"{prefix}norm2": block.normalization_2,
        **_pointwise(block.hidden_projection, f"{prefix}conv1"),
        f"{prefix}conv2": block.depthwise,
        **_pointwise(block.gate_projection, f"{prefix}sca.1"),
        **_pointwise(block.output_projection, f"{prefix}conv3"),
        **_pointwise(block.feed_forward_projection, f"{prefix}conv4"),
        **_pointwise(block.feed_forward_output, f"{prefix}conv5"),
        f"{prefix}beta": (block.scale_1.gamma, vector),
        f"{prefix}gamma": (block.scale_2.gamma, vector),
    }


def _pointwise(dense: keras.layers.Dense, name: str) -> Mapping:
    bias = {} if dense.bias is None else {f"{name}.bias": dense.bias}
    return {f"{name}.weight": (dense.kernel, pointwise), **bias}
