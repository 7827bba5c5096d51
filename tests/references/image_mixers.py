"""Focal modulation, gated convolutions and their blocks on the authors' parameters."""

import keras
import tensorflow as tf
from harness.golden import channels_first, channels_last, reference

from keras_hadamard.layers import FocalModulation2D, GnConv2D
from keras_hadamard.models import _mixer_blocks

FOCAL = {
    "focal_level": "levels",
    "focal_window": "window",
    "focal_factor": "factor",
    "use_postln_in_modulation": "post_norm",
    "normalize_modulator": "normalize_modulator",
    "bias": "use_bias",
}


def focal_arguments(c):
    return {ours: c.config[theirs] for theirs, ours in FOCAL.items() if theirs in c.config}


@reference("focal_modulation__l1_w5_nobias", "focal_modulation__l3_postln_norm")
def focal_modulation(c):
    layer = FocalModulation2D(**focal_arguments(c))
    layer.build(c.inputs[0].shape)
    return layer, _mixer_blocks.focal_modulation(layer)


# The authors' block has its pixels in a row, four by five of them.
SIDES = (4, 5)


@reference(
    "focal_block__postln_ls",
    adapt=lambda inputs: tf.reshape(inputs[0], (-1, *SIDES, inputs[0].shape[-1])),
    restore=lambda y: tf.reshape(y, (-1, SIDES[0] * SIDES[1], y.shape[-1])),
)
def focal_block(c):
    assert tuple(c.config["input_resolution"]) == SIDES
    x = keras.Input((*SIDES, c.config["dim"]), dtype=c.dtype)
    y, mapping = _mixer_blocks.focal_block(
        x,
        "block",
        "b.",
        post_norm=c.config.get("use_postln", False),
        layer_scale=1e-4 if c.config.get("use_layerscale") else 0.0,
        modulation=focal_arguments(c),
    )
    return keras.Model(x, y), mapping


def gn_arguments(c):
    filtered = c.config.get("gflayer") is not None
    return {
        "order": c.config.get("order", 5),
        "scale": c.config.get("s", 1.0),
        "global_filter": (c.config["h"], c.config["w"]) if filtered else None,
    }


@reference("gnconv__order2_d8", "gnconv__order5_d16", "gnconv__gf_order2_d8_interp")
def gn_conv(c):
    layer = GnConv2D(**gn_arguments(c), data_format="channels_first")
    layer.build(c.inputs[0].shape)
    return layer, _mixer_blocks.gn_conv(layer)


@reference("hornet_block__order2_nols", adapt=channels_last, restore=channels_first)
def hor_block(c):
    x = keras.Input(channels_last(c.inputs).shape[1:], dtype=c.dtype)
    y, mapping = _mixer_blocks.hor_block(
        x, "block", layer_scale=c.config["layer_scale"], **gn_arguments(c)
    )
    return keras.Model(x, y), mapping
