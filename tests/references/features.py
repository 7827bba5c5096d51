"""The crosses, the factorisation machines and the interactions on the authors' parameters."""

import keras
import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import (
    AttentionalFactorizationMachine,
    CompressedInteraction,
    DotInteraction,
    FeatureCross,
    FieldAwareFactorizationMachine,
    OuterProductInteraction,
)
from keras_hadamard.ops import anova_kernel, factorization_machine


def _options(config, **names):
    """The authors' arguments in our words, those that are given."""
    return {ours: config[theirs] for ours, theirs in names.items() if theirs in config}


def _cross_weights(c, low_rank, suffix="", names="{}"):
    """Keras kernels, which are (in, out) already."""
    weights = {}
    if low_rank:
        weights[f"down_projection{suffix}/kernel"] = c[names.format("u") + ".kernel"]
    prefix = names.format("v") + "." if low_rank else ""
    for name in ("kernel", "bias"):
        if f"{prefix}{name}" in c.params:
            weights[f"projection{suffix}/{name}"] = c[f"{prefix}{name}"]
    return weights


@reference(
    "dcn_v2__diag_preact",
    "dcn_v2__lowrank3",
    "dcn_v2__nobias_lowrank_diag",
    "keras_rs_feature_cross__full",
)
def feature_cross(c):
    options = _options(
        c.config, projection_dim="projection_dim", diag_scale="diag_scale", use_bias="use_bias"
    )
    activation = c.config.get("preactivation", c.config.get("pre_activation"))
    layer = FeatureCross(pre_activation=activation, **options)
    return layer, _cross_weights(c, "projection_dim" in c.config)


@reference("dot_interaction__plain")
def dot_interaction(c):
    options = _options(c.config, self_interaction="self_interaction", skip_gather="skip_gather")
    return DotInteraction(**options), {}


def of_op(c, op):
    x = keras.Input(tuple(c.inputs[0].shape[1:]), dtype=c.dtype)
    return keras.Model(x, op(x)), {}


@reference("fm__reduce", "fm__noreduce")
def fm(c):
    return of_op(c, lambda x: factorization_machine(x, reduce=c.config["reduce_sum"]))


@reference("fm__anova3_noreduce")
def anova(c):
    options = {"order": c.config["order"], "reduce": c.config.get("reduce_sum", True)}
    return of_op(c, lambda x: anova_kernel(x, **options))


@reference("fm__outer_product_num")
def outer_product(c):
    kernel_type, kernel = c.config["kernel_type"], c["kernel"]
    layer = OuterProductInteraction(kernel_type)
    if kernel_type != "mat":
        return layer, {"kernel": tf.reshape(kernel, (kernel.shape[0], -1))}
    # K[e, i, d] to [d, (i, e)].
    kernel = tf.transpose(kernel, (2, 1, 0))
    return layer, {"matrices/kernel": tf.reshape(kernel, (kernel.shape[0], -1))}


@reference("fm__cin_split1")
def cin(c):
    sizes = c.config["cross"]
    layer = CompressedInteraction(sizes, split_half=c.config["split_half"], activation="relu")
    weights = c.dense("output_projection", "fc")
    for n in range(len(sizes)):
        weights[f"layer_{n}/kernel"] = tf.transpose(c[f"conv_layers.{n}.weight"][:, :, 0])
        weights[f"layer_{n}/bias"] = c[f"conv_layers.{n}.bias"]
    return layer, weights


@reference("fm__afm")
def afm(c):
    layer = AttentionalFactorizationMachine(c.config["attn_size"])
    weights = {
        **c.dense("attention", "attention"),
        **c.dense("score", "projection"),
        **c.dense("output_projection", "fc"),
    }
    return layer, weights


@reference("fm__ffm")
def ffm(c):
    layer = FieldAwareFactorizationMachine(c.config["field_dims"], c.config["embed_dim"])
    tables = [c[f"embeddings.{f}.weight"] for f in range(len(c.config["field_dims"]))]
    return layer, {"embeddings": tf.concat(tables, 1)}
