"""Attention-free mixers on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import AFT, PolySelfAttention


@reference("poly_sa__h2")
def poly_self_attention(c):
    weights = {
        **c.dense("projection", "qkv"),
        **c.dense("output_projection", "proj"),
        "position": tf.transpose(c["p1"]),
        "pooling": tf.transpose(c["p2"]),
        "norm/gamma": c["norm.weight"],
        "norm/beta": c["norm.bias"],
    }
    return PolySelfAttention(c.config["num_heads"]), weights


@reference("aft__full", "aft__simple")
def aft(c):
    weights = {}
    for ours, theirs in (("query", "to_q"), ("key", "to_k"), ("value", "to_v")):
        weights |= c.dense(f"{ours}_projection", theirs)
    weights |= c.dense("output_projection", "project")
    length = c.config.get("max_seqlen")
    if length is None:
        return AFT(c.config["hidden"], "simple"), weights
    return AFT(c.config["hidden"], max_length=length), {**weights, "position": c["wbias"]}
