"""Gated blocks and feed-forward layers of images on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import (
    ConvGLU,
    CoordinateAttention2D,
    GatedConvBlock2D,
    GatedFeedForward2D,
    NAFBlock2D,
    SimAM,
)
from keras_hadamard.models._checkpoint import depthwise, pointwise
from keras_hadamard.models._gated_blocks import gated_conv_block, naf_block


def _pixels(inputs):
    """The authors' layer has its pixels in a row, four by five of them, or nine."""
    (x,) = inputs
    sides = {20: (4, 5), 9: (3, 3)}[x.shape[1]]
    return tf.reshape(x, (-1, *sides, x.shape[-1]))


def _row(y):
    return tf.reshape(y, (-1, y.shape[1] * y.shape[2], y.shape[-1]))


@reference("conv_glu__ratio4", adapt=_pixels, restore=_row)
def conv_glu(c):
    return ConvGLU(len(c["dwconv.dwconv.bias"])), {
        **c.dense("hidden_projection", "fc1"),
        "depthwise/kernel": depthwise(c["dwconv.dwconv.weight"]),
        "depthwise/bias": c["dwconv.dwconv.bias"],
        **c.dense("output_projection", "fc2"),
    }


@reference("gdfn__nobias")
def gated_feed_forward(c):
    bias = c.config["bias"]
    layer = GatedFeedForward2D(
        c.config["ffn_expansion_factor"], use_bias=bias, data_format="channels_first"
    )
    weights = {}
    for ours, theirs, convert in (
        ("hidden_projection", "project_in", pointwise),
        ("depthwise", "dwconv", depthwise),
        ("output_projection", "project_out", pointwise),
    ):
        weights[f"{ours}/kernel"] = convert(c[f"{theirs}.weight"])
        weights |= {f"{ours}/bias": c[f"{theirs}.bias"]} if bias else {}
    return layer, weights


@reference("gated_cnn_block__partial_conv")
def gated_convolution(c):
    config = {**c.config}
    layer = GatedConvBlock2D(
        config.get("expansion_ratio", 8 / 3),
        config.get("kernel_size", 7),
        config.get("conv_ratio", 1.0),
    )
    layer.build(c.inputs[0].shape)
    return layer, gated_conv_block(layer)


@reference("naf_block__default")
def without_activation(c):
    layer = NAFBlock2D(
        c.config.get("DW_Expand", 2), c.config.get("FFN_Expand", 2), data_format="channels_first"
    )
    layer.build(c.inputs[0].shape)
    return layer, naf_block(layer)


@reference("coordinate_attention__eval")
def coordinate_attention(c):
    layer = CoordinateAttention2D(1 / c.config.get("reduction", 32), data_format="channels_first")
    layer.build(c.inputs[0].shape)
    mapping = {"bn1": layer.normalization}
    for ours, theirs in (
        (layer.squeeze, "conv1"),
        (layer.row_projection, "conv_h"),
        (layer.column_projection, "conv_w"),
    ):
        mapping |= {f"{theirs}.weight": (ours.kernel, pointwise), f"{theirs}.bias": ours.bias}
    return layer, mapping


@reference("simam__lambda_1e-2")
def sim_am(c):
    return SimAM(c.config.get("e_lambda", 1e-4), data_format="channels_first"), {}
