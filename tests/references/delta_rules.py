"""The delta rules on the authors' numbers, as ops and as layers."""

import keras
import tensorflow as tf
from harness.golden import reference
from keras import ops

from keras_hadamard.layers import DeltaNet, GatedDeltaNet, KimiDeltaAttention
from keras_hadamard.ops import delta_rule


def as_layer(function):
    """A function of the authors' tensors as a layer without weights."""
    return keras.layers.Lambda(lambda inputs: function(*inputs)), {}


def heads_second(x):
    """(batch, heads, length, ...) to (batch, length, heads, ...), and back."""
    return ops.transpose(x, (0, 2, 1, *range(3, len(x.shape))))


@reference("delta_rule__beta_per_value", "delta_rule__recurrent")
def plain(c):
    def run(q, k, v, beta, initial=None):
        q, k, v, beta = (heads_second(x) for x in (q, k, v, beta))
        q = q * q.shape[-1] ** -0.5
        o, state = delta_rule(q, k, v, beta, None, initial, chunk=4, return_state=True)
        return [heads_second(o), state]

    return as_layer(run)


@reference("gated_delta_rule__recurrent", "gated_delta_rule__state_scale1_beta2")
def gated(c):
    def run(q, k, v, beta, decay, initial=None):
        q = q * c.config.get("scale", q.shape[-1] ** -0.5)
        decay = ops.exp(decay)[..., None]
        return [*delta_rule(q, k, v, beta, decay, initial, chunk=4, return_state=True)]

    return as_layer(run)


@reference("kda__grouped_values_state")
def of_channels(c):
    def run(q, k, v, decay, beta, initial=None):
        groups = v.shape[2] // q.shape[2]
        q, k = (ops.repeat(x, groups, axis=2) for x in (q * q.shape[-1] ** -0.5, k))
        o = delta_rule(q, k, v, beta, ops.exp(decay), initial, chunk=4, return_state=True)
        return [*o]

    return as_layer(run)


@reference("dplr__recurrent_state")
def general(c):
    def run(q, k, v, read, beta, decay, initial=None):
        q, k, v, read, beta, decay = (heads_second(x) for x in (q, k, v, read, beta, decay))
        q = q * q.shape[-1] ** -0.5
        o, state = delta_rule(
            *(q, k, v, beta, ops.exp(decay), initial), read=read, chunk=4, return_state=True
        )
        return [heads_second(o), state]

    return as_layer(run)


PARTS = {"q": "query", "k": "key", "v": "value"}


def projections(c, conv, gate=True):
    """The weights of the layers' common parts."""
    weights = c.dense("share_projection", "b_proj", bias=False)
    for part, name in PARTS.items():
        weights |= c.dense(f"{name}_projection", f"{part}_proj", bias=False)
    if conv:
        taps = [c[f"{part}_conv1d.weight"][:, 0] for part in PARTS]
        weights["conv/taps"] = tf.transpose(tf.concat(taps, 0))
        if "q_conv1d.bias" in c.params:
            weights["conv/bias"] = tf.concat([c[f"{part}_conv1d.bias"] for part in PARTS], 0)
    if gate:
        weights |= c.dense("gate_projection", "g_proj", bias=False)
    weights["norm/scale"] = c["o_norm.weight"]
    return weights | c.dense("output_projection", "o_proj", bias=False)


@reference("gated_deltanet_layer__neg_eigval_grouped_nogate", "gated_deltanet_layer__no_conv")
def gated_delta_net(c):
    config = c.config
    heads = config.get("num_v_heads", config["num_heads"])
    conv, gate = config.get("use_short_conv", True), config.get("use_gate", True)
    layer = GatedDeltaNet(
        heads,
        key_dim=config["head_dim"],
        value_dim=int(config["head_dim"] * config["expand_v"]),
        key_heads=config["num_heads"],
        window=config.get("conv_size", 4) if conv else None,
        conv_bias=config.get("conv_bias", False),
        negative_eigenvalues=config.get("allow_neg_eigval", False),
        output_gate="silu" if gate else None,
        chunk=4,
    )
    weights = projections(c, conv, gate) | c.dense("decay_projection", "a_proj", bias=False)
    weights |= {"decay_projection/bias": c["dt_bias"], "log_rate": c["A_log"]}
    return layer, weights


@reference("deltanet_layer__elu_sum_gate")
def delta_net(c):
    conv, gate = c.config.get("use_short_conv", True), c.config.get("use_gate", False)
    layer = DeltaNet(
        c.config["num_heads"],
        window=4 if conv else None,
        feature_map=c.config.get("qk_activation", "silu"),
        key_norm={"l2": "unit", "sum": "sum"}[c.config.get("qk_norm", "l2")],
        output_gate="silu" if gate else None,
        chunk=4,
    )
    return layer, projections(c, conv, gate)


@reference("kda_layer__default")
def kimi_delta_attention(c):
    width = c.config["head_dim"]
    layer = KimiDeltaAttention(
        c.config["num_heads"],
        key_dim=width,
        value_dim=width,
        lower_bound=c.config.get("lower_bound"),
        negative_eigenvalues=c.config.get("allow_neg_eigval", False),
        chunk=4,
    )
    weights = projections(c, True, gate=False)
    weights |= c.dense("decay_down", "f_proj.0", bias=False)
    weights |= c.dense("decay_up", "f_proj.1", bias=False)
    weights |= {"decay_up/bias": c["dt_bias"], "log_rate": c["A_log"]}
    weights |= c.dense("gate_down", "g_proj.0", bias=False) | c.dense("gate_up", "g_proj.1")
    return layer, weights
