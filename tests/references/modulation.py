"""Gates on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import GatedMLP


@reference("glu__geglu", "glu__reglu")
def packed_glu(c):
    activation = {"glu__geglu": "gelu", "glu__reglu": "relu"}[c.name]
    layer = GatedMLP(
        c["fc2.weight"].shape[0],
        c.config["hidden_features"] // 2,
        activation,
        packed=True,
        use_bias=True,
    )
    return layer, {**c.dense("gated/projection", "fc1"), **c.dense("output_projection", "fc2")}


@reference("glu__swiglu_split")
def split_swiglu(c):
    layer = GatedMLP(c["fc2.weight"].shape[0], c.config["hidden_features"], use_bias=True)
    return layer, {
        **c.dense("gated/value_projection", "fc1_x"),
        **c.dense("gated/gate_projection", "fc1_g"),
        **c.dense("output_projection", "fc2"),
    }


@reference("swiglu_llama__gelu_tanh_bias")
def llama_mlp(c):
    bias = c.config["bias"]
    layer = GatedMLP(None, c.config["inter"], "gelu_tanh", gate_first=True, use_bias=bias)
    return layer, {
        **c.dense("gated/value_projection", "up_proj", bias),
        **c.dense("gated/gate_projection", "gate_proj", bias),
        **c.dense("output_projection", "down_proj", bias),
    }


@reference("swiglu_clamped__default")
def clamped_swiglu(c):
    """The authors' function is of the pre-activations alone, so the kernels pass them on."""
    width = c.inputs[0].shape[-1]
    layer = GatedMLP(
        width // 2,
        width // 2,
        {1.702: "quick_gelu", 1.0: "silu"}[c.config["alpha"]],
        packed=True,
        gate_first=True,
        interleaved=True,
        limit=c.config["limit"],
        value_offset=1.0,
    )
    return layer, {
        "gated/projection/kernel": tf.eye(width, dtype=c.dtype),
        "output_projection/kernel": tf.eye(width // 2, dtype=c.dtype),
    }
