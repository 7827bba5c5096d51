"""The spatial gate and its block on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import GMLPBlock, SpatialGatingUnit
from keras_hadamard.models._gmlp_blocks import timm_gate


def gate(c, prefix="", ours=""):
    """The weights of the gate from the third party's port."""
    weights = {
        f"{ours}spatial_kernel": c[f"{prefix}weight"],
        f"{ours}spatial_bias": c[f"{prefix}bias"],
        f"{ours}norm/gamma": c[f"{prefix}norm.weight"],
        f"{ours}norm/beta": c[f"{prefix}norm.bias"],
    }
    if f"{prefix}circulant_pos_x" in c.params:
        weights[f"{ours}row_scale"] = c[f"{prefix}circulant_pos_x"]
        weights[f"{ours}column_scale"] = c[f"{prefix}circulant_pos_y"]
    return weights


@reference("gmlp_sgu__basic", "gmlp_sgu__circulant_causal")
def spatial_gating_unit(c):
    circulant = c.config.get("circulant_matrix", False)
    layer = SpatialGatingUnit(
        length=c.config["dim_seq"],
        # The third party's circulant matrix has no upper half, whatever `causal` is.
        causal=c.config.get("causal", False) or circulant,
        heads=c.config.get("heads", 1),
        activation="tanh" if "Tanh" in str(c.config.get("act")) else None,
        circulant=circulant,
    )
    return layer, gate(c)


@reference("gmlp_sgu__timm")
def timm_spatial_gating_unit(c):
    layer = SpatialGatingUnit(length=c.config["seq_len"])
    layer.build(c.inputs[0].shape)
    return layer, timm_gate(layer)


@reference("gmlp_block__amlp_causal")
def gmlp_block(c):
    attention_units = c.config.get("attn_dim")
    layer = GMLPBlock(
        c.config["dim_ff"],
        length=c.config["seq_len"],
        causal=c.config.get("causal", False),
        heads=c.config.get("heads", 1),
        attention_units=attention_units,
    )
    weights = {
        **c.dense("input_projection", "proj_in.0"),
        **c.dense("output_projection", "proj_out"),
        **gate(c, "sgu.", "gate/"),
    }
    if attention_units:
        kernel = tf.transpose(c["attn.to_qkv.weight"])
        weights["gate/attention/projection/kernel"] = kernel
        weights |= c.dense("gate/attention/output_projection", "attn.to_out")
    return layer, weights
