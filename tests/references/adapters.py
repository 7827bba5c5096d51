"""Adapters on the authors' parameters."""

import keras
import tensorflow as tf
from harness.golden import channels_first, channels_last, reference

from keras_hadamard.adapters import IA3, DoRA, LoHa, LoKr, VeRA, apply

IMAGES = {"adapt": channels_last, "restore": channels_first}


def adapted(c, layer, adapter):
    """The model, and its base's weights; the authors' base was trained along."""
    layer = keras.Sequential([keras.Input(inputs(c), dtype=c.dtype), layer], name="base")
    model = apply(layer, adapter)
    model.model.trainable = True
    prefix = base_of(c)
    kernel = c[f"{prefix}.weight"]
    axes = (*range(2, len(kernel.shape)), 1, 0)
    values = {"layer/kernel": tf.transpose(kernel, axes)}
    if f"{prefix}.bias" in c.params:
        values["layer/bias"] = c[f"{prefix}.bias"]
    return model, values


def base_of(c):
    return next(p for p in ("m.base_layer", "base_layer", "base") if f"{p}.weight" in c.params)


def inputs(c):
    shape = tuple(c.inputs[0].shape[1:])
    return shape if len(shape) == 1 else (*shape[1:], shape[0])


def dense(c, adapter):
    prefix = base_of(c)
    bias = f"{prefix}.bias" in c.params
    units = c[f"{prefix}.weight"].shape[0]
    return adapted(c, keras.layers.Dense(units, use_bias=bias, name="layer"), adapter)


def conv(c, adapter):
    filters = c["m.base_layer.weight" if "peft" in c.name else "base.weight"].shape[0]
    layer = keras.layers.Conv2D(filters, 3, padding="same", name="layer")
    return adapted(c, layer, adapter)


def factors(c):
    """The authors' have outputs first, and the window behind the inputs."""
    start, end = ("m.hada_", ".default") if "peft" in c.name else ("ad.hada_", "")
    found = {}
    for i in (1, 2):
        outer, inner = (c[f"{start}w{i}_{side}{end}"] for side in "ab")
        if f"{start}t{i}{end}" in c.params:
            core = c[f"{start}t{i}{end}"]
            rank = core.shape[0]
            found[f"t{i}"] = tf.reshape(core, (rank, rank, -1))
            found[f"a{i}"], found[f"b{i}"] = tf.transpose(inner), outer
        else:
            if len(c.inputs[0].shape) > 2:
                windows = tf.reshape(inner, (inner.shape[0], -1, 9))
                inner = tf.reshape(tf.transpose(windows, (0, 2, 1)), (inner.shape[0], -1))
            found[f"a{i}"], found[f"b{i}"] = tf.transpose(inner), tf.transpose(outer)
    return {f"default/{name}_0": value for name, value in found.items()}


def description(c, **how):
    rank = c.config["r"] if "r" in c.config else c.config["lora_dim"]
    return LoHa(rank, c.config["alpha"], **how)


@reference("loha_peft__linear_r2")
def linear(c):
    model, values = dense(c, description(c))
    return model, {**values, **factors(c)}


@reference("loha_peft__conv3_flat", "loha_lycoris__conv3_flat", **IMAGES)
def windows(c):
    model, values = conv(c, description(c))
    return model, {**values, **factors(c)}


# What the authors wrote by hand for the factors of the outputs is wrong.
TRUE = {f"ad.hada_w{i}_a": f"true_grad_w{i}a" for i in (1, 2)}


@reference("loha_lycoris__conv3_tucker", true_gradients=TRUE, **IMAGES)
def core(c):
    model, values = conv(c, description(c, tucker=True))
    return model, {**values, **factors(c)}


# LyCORIS computes with a copy of the base's weight that is cut off from its gradient, and adds the
# weight less such a copy: the output's gradient is another one, which ours has and theirs lacks.
FIXED = {"base.weight": None}


@reference("loha_lycoris__linear_dora", true_gradients=FIXED)
def decomposed(c):
    adapter = DoRA(c.config["lora_dim"], c.config["alpha"], "loha", norm_gradient=True)
    model, values = dense(c, adapter)
    change = c["ad.dora_scale"][:, 0] - tf.norm(c["base.weight"], axis=1)
    return model, {**values, **factors(c), "default/magnitude_0": change}


@reference("ia3_peft__linear_attn")
def outputs(c):
    model, values = dense(c, IA3(feedforward=c.config["is_feedforward"]))
    return model, {**values, "default/scale_0": tf.reshape(c["m.ia3_l.default"], [-1])}


@reference("ia3_lycoris__linear_in", true_gradients=FIXED)
def scaled_inputs(c):
    # Theirs is one more than the parameter.
    model, values = dense(c, IA3(feedforward=c.config["train_on_input"], scale_bias=False))
    return model, {**values, "default/scale_0": 1 + c["ad.weight"]}


@reference("lokr__both_low_rank")
def kronecker(c):
    config = c.config
    how = {"factor": config["decompose_factor"], "decompose_both": config["decompose_both"]}
    model, values = dense(c, LoKr(config["r"], config["alpha"], **how))
    for i in (1, 2):
        outer, inner = (c[f"lokr_w{i}_{side}"] for side in "ab")
        values |= {f"default/a{i}_0": tf.transpose(inner), f"default/b{i}_0": tf.transpose(outer)}
    return model, values


@reference("vera__rank1")
def shared_projections(c):
    model, values = dense(c, VeRA(c.config["r"]))
    # The authors' are of a larger layer, whose first rows and columns this one takes.
    values["default/shared_a"] = tf.transpose(c["vera_A"])[: c.config["in_features"]]
    values["default/shared_b"] = tf.transpose(c["vera_B"])[:, : c.config["out_features"]]
    return model, {
        **values,
        **{f"default/{name}_0": c[f"vera_lambda_{name}"] for name in "db"},
    }
