"""Gates between modalities and attention over sets, on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import (
    AttentionPooling,
    GatedCrossAttention,
    MultimodalAdaptationGate,
    MultimodalTransferModule,
)


def _bag(inputs):
    """One bag is no batch in the authors' code."""
    return inputs[0][None] if inputs[0].shape.rank == 2 else inputs[0]


@reference("mil_gated_attention__one_branch", adapt=_bag)
def mil(c):
    branches = c.config.get("n_classes", 1)
    layer = AttentionPooling(c.config["D"], branches, return_weights=True)
    weights = {
        **c.dense("value_projection", "attention_a.0"),
        **c.dense("gate_projection", "attention_b.0"),
        **c.dense("score_projection", "attention_c"),
    }
    return layer, weights


@reference("mmtm__conv_vector")
def mmtm(c):
    layer = MultimodalTransferModule(
        c.config["ratio"], gate_scale=1.0, data_format="channels_first"
    )
    weights = {
        **c.dense("squeeze", "fc_squeeze"),
        **c.dense("excitation_0", "fc_visual"),
        **c.dense("excitation_1", "fc_skeleton"),
    }
    return layer, weights


@reference("mag__beta1")
def mag(c):
    layer = MultimodalAdaptationGate(c.config["beta_shift"])
    weights = {
        **c.dense("value_0", "W_v"),
        **c.dense("value_1", "W_a"),
        **c.dense("gate_0", "W_hv"),
        **c.dense("gate_1", "W_ha"),
        "normalization/gamma": c["LayerNorm.weight"],
        "normalization/beta": c["LayerNorm.bias"],
    }
    return layer, weights


@reference("gated_cross_attention__no_locations")
def gated_cross_attention(c):
    heads, key_dim = c.config["heads"], c.config["dim_head"]
    layer = GatedCrossAttention(heads, key_dim, c.config.get("ff_mult", 4))
    key, value = tf.split(c["attn.to_kv.weight"], 2)
    weights = {
        "attention_gate": c["attn_gate"][0],
        "hidden_gate": c["ff_gate"][0],
        "key_projection/kernel": tf.transpose(key),
        "value_projection/kernel": tf.transpose(value),
        **c.dense("query_projection", "attn.to_q", bias=False),
        **c.dense("output_projection", "attn.to_out", bias=False),
        **c.dense("hidden_projection", "ff.1", bias=False),
        **c.dense("final_projection", "ff.3", bias=False),
    }
    for ours, theirs in (("attention_norm", "attn.norm"), ("hidden_norm", "ff.0")):
        weights[f"{ours}/gamma"] = c[f"{theirs}.weight"]
        weights[f"{ours}/beta"] = c[f"{theirs}.bias"]
    return layer, weights
