"""Softmax attentions with gates on the authors' numbers."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import GatedAttention

# Of the authors' test: these are not in every case's configuration.
HEADS, KEY_HEADS, WIDTH = 4, 2, 2


@reference("gated_attention__elementwise_rope", "gated_attention__elementwise_bias_noqknorm_open")
def gated_attention(c):
    config = c.config
    heads = config.get("num_attention_heads", HEADS)
    key_heads = config.get("num_key_value_heads", KEY_HEADS)
    width = config.get("head_dim", WIDTH)
    bias, norm = config.get("qkv_bias", False), config.get("use_qk_norm", True)
    gate = "element" if config.get("elementwise_attn_output_gate") else "head"
    layer = GatedAttention(
        heads,
        key_heads,
        width,
        gate,
        normalize=norm,
        rotary="rope" in c.name,
        causal="open" not in c.name,
        use_bias=bias,
    )
    weights = c.dense("key_projection", "k_proj", bias) | c.dense(
        "value_projection", "v_proj", bias
    )
    weights |= c.dense("output_projection", "o_proj", bias)
    # The rows of a group of heads: its queries, then their gates.
    of_group = heads // key_heads
    sizes = [of_group * width, of_group * (width if gate == "element" else 1)]
    for part in ("weight", "bias")[: 1 + bias]:
        rows = c[f"q_proj.{part}"]
        rows = tf.reshape(rows, (key_heads, sum(sizes), -1))
        for name, of_part in zip(("query", "gate"), tf.split(rows, sizes, axis=1), strict=True):
            flat = tf.reshape(of_part, (-1, rows.shape[-1]))
            weights |= (
                {f"{name}_projection/kernel": tf.transpose(flat)}
                if part == "weight"
                else {f"{name}_projection/bias": flat[:, 0]}
            )
    if norm:
        weights |= {f"{n}_norm/scale": c[f"{n[0]}_norm.weight"] for n in ("query", "key")}
    return layer, weights
