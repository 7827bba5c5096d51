"""The pairwise operations on the authors' parameters."""

import tensorflow as tf
from harness.golden import channels_first, channels_last, reference

from keras_hadamard.layers import PolyNonLocal


@reference("poly_nl__formula_bias", adapt=channels_last, restore=channels_first)
def poly_non_local(c):
    bias = c.config["bias"]
    weights = {"alpha": tf.squeeze(c["alpha"]), "beta": tf.squeeze(c["beta"])}
    for ours, theirs in (("left", "b"), ("right", "c"), ("output", "d")):
        weights[f"{ours}_projection/kernel"] = tf.transpose(c[f"conv_{theirs}.weight"][:, :, 0, 0])
        if bias:
            weights[f"{ours}_projection/bias"] = c[f"conv_{theirs}.bias"]
    return PolyNonLocal(use_bias=bias), weights
