"""Gates between modalities and attention over sets, on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import (
    AttentionPooling,
    GatedCrossAttention,
    MultimodalAdaptationGate,
    MultimodalTransferModule,
    TabNetEncoder,
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


class Steps(TabNetEncoder):
    """The outputs of the steps, and what the authors' code subtracts from the loss."""

    def call(self, inputs, training=None):
        steps, masks = super().call(inputs, training=training)
        entropy = tf.reduce_sum(masks * tf.math.log(masks + 1e-15), (1, 2))
        return [*tf.unstack(steps, axis=1), tf.reduce_mean(entropy) / self.steps]


@reference("tabnet_encoder__train_steps3")
def tab_net(c):
    config = c.config
    steps = config["n_steps"]
    shared, own = config.get("n_shared", 2), config.get("n_independent", 2)
    layer = Steps(
        config["n_d"],
        config["n_a"],
        steps,
        config.get("gamma", 1.3),
        shared,
        own,
        sum_steps=False,
        return_masks=True,
    )
    layer.build(c.inputs[0].shape)
    mapping = {"initial_bn": layer.normalization}
    norms, owns = iter(layer.norms), iter(layer.own_projections)
    for i, projection in enumerate(layer.shared_projections):
        mapping[f"initial_splitter.shared.shared_layers.{i}"] = projection
    for splitter in ("initial_splitter", *(f"feat_transformers.{i}" for i in range(steps))):
        for i in range(shared):
            mapping[f"{splitter}.shared.glu_layers.{i}.bn.bn"] = next(norms)
        for i in range(own):
            mapping[f"{splitter}.specifics.glu_layers.{i}.fc"] = next(owns)
            mapping[f"{splitter}.specifics.glu_layers.{i}.bn.bn"] = next(norms)
    for i in range(steps):
        mapping[f"att_transformers.{i}.fc"] = layer.attentions[i]
        mapping[f"att_transformers.{i}.bn.bn"] = layer.attention_norms[i]
    return layer, mapping
