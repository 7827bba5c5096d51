"""Selective state space models on the authors' numbers."""

import keras
import tensorflow as tf
from harness.golden import reference
from keras import ops

from keras_hadamard.layers import Mamba2
from keras_hadamard.ops import gated_linear_attention


@reference("ssd__one_block")
def state_space_dual(c):
    def run(inputs):
        values, log_decay, keys, queries = inputs
        decay = ops.exp(log_decay)[..., None]
        y, state = gated_linear_attention(queries, keys, values, decay, chunk=4, return_state=True)
        return [y, ops.transpose(state, (0, 1, 3, 2))]

    return keras.layers.Lambda(run), {}


@reference("mamba2_layer__two_groups_init_state")
def mamba2(c):
    config = c.config
    inner = 2 * config["d_model"]
    layer = Mamba2(
        inner // config["headdim"],
        config["d_state"],
        groups=config.get("ngroups", 1),
        window=config.get("d_conv", 4),
        learn_state=config.get("learnable_init_states", False),
        use_bias=config.get("bias", False),
        chunk=4,
    )
    bias = config.get("bias", False)
    weights = c.dense("input_projection", "in_proj", bias)
    weights |= c.dense("output_projection", "out_proj", bias)
    weights |= {
        "conv/taps": tf.transpose(c["conv1d.weight"][:, 0]),
        "conv/bias": c["conv1d.bias"],
        "step_bias": c["dt_bias"],
        "log_rate": c["A_log"],
        "skip": c["D"],
        "norm/scale": c["norm.weight"],
    }
    if layer.learn_state:
        weights["first_state"] = tf.transpose(c["init_states"], (0, 2, 1))
    return layer, weights
