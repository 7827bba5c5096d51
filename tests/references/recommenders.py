"""The layers of recommenders on the authors' parameters."""

import keras
import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import (
    BilinearInteraction,
    DeepCrossV3,
    EulerInteraction,
    FactorizedInteraction,
    FieldSqueezeExcite,
    GatedCrossNetwork,
    GateNU,
    HolographicInteraction,
    LogarithmicTransform,
    MaskBlock,
    MultiHeadBilinear,
    TargetAttention,
)


@reference("gdcn__layers1")
def gated_cross_network(c):
    layers = c.config["cn_layers"]
    weights = {}
    for n in range(layers):
        weights |= c.dense(f"projection_{n}", f"w.{n}", bias=False)
        weights |= c.dense(f"gate_{n}", f"wg.{n}", bias=False)
        weights[f"projection_{n}/bias"] = c[f"b.{n}"]
    return GatedCrossNetwork(layers), weights


def _hidden_last(inputs):
    return list(inputs[::-1])


@reference("masknet_block__default", adapt=_hidden_last)
def mask_block(c):
    normalize = c.config.get("layer_norm", True)
    layer = MaskBlock(
        c.config["output_dim"],
        reduction_ratio=c.config.get("reduction_ratio", 1),
        normalize=normalize,
    )
    weights = {
        **c.dense("mask_hidden", "mask_layer.0"),
        **c.dense("mask_output", "mask_layer.2"),
        **c.dense("hidden", "hidden_layer.0", bias=False),
    }
    if normalize:
        weights["norm/gamma"] = c["hidden_layer.1.weight"]
        weights["norm/beta"] = c["hidden_layer.1.bias"]
    return layer, weights


@reference("bilinear_interaction__field_all", "bilinear_interaction__field_interaction")
def bilinear_interaction(c):
    kind, kernel = c.config["bilinear_type"], c["bilinear_W"]
    if kind != "field_all":
        # Of the last field there is no pair, so its matrix is never used.
        count = kernel.shape[0] - (kind == "field_each")
        kernel = tf.transpose(kernel[:count], (1, 0, 2))
    width = c.config["embedding_dim"]
    return BilinearInteraction(kind), {"matrices/kernel": tf.reshape(kernel, (width, -1))}


@reference("senet_fields__relu_r3")
def field_squeeze_excite(c):
    layer = FieldSqueezeExcite(
        c.config.get("reduction_ratio", 3),
        gate_activation=c.config.get("excitation_activation", "relu"),
    )
    weights = {
        **c.dense("squeeze", "excitation.0", bias=False),
        **c.dense("excite", "excitation.2", bias=False),
    }
    return layer, weights


@reference("interaction_aggregation__heads2_out3")
def multi_head_bilinear(c):
    heads, units = c.config.get("num_heads", 1), c.config.get("output_dim", 1)
    x, y = c.config["x_dim"] // heads, c.config["y_dim"] // heads
    # The authors' output is the third axis, before the features of the other stream.
    kernel = tf.transpose(tf.reshape(c["w_xy"], (heads, x, units, y)), (0, 1, 3, 2))
    weights = {
        **c.dense("projection_1", "w_x", bias=False),
        **c.dense("projection_2", "w_y", bias=False),
        "projection_1/bias": c["w_x.bias"] + c["w_y.bias"],
        "kernel": tf.reshape(kernel, (-1, units)),
    }
    return MultiHeadBilinear(units, heads), weights


@reference("factorized_interaction__sum")
def factorized_interaction(c):
    layer = FactorizedInteraction(c.config["output_dim"], c.config["residual_type"])
    return layer, c.dense("projection", "linear")


def _within(layer, weights):
    """The weights of a layer by their paths in a model."""
    return {f"{layer.name}/{path}": value for path, value in weights.items()}


@reference("din_attention__dice_train", "din_attention__relu_softmax_mask")
def target_attention(c):
    config, prefix = c.config, "attention_layer.mlp"
    dice = config.get("hidden_activations") == "Dice"
    layer = TargetAttention(
        config["attention_units"],
        "dice" if dice else "relu",
        use_softmax=config.get("use_softmax", False),
    )
    inputs = [keras.Input(batch_shape=x.shape, dtype=c.dtype) for x in c.inputs]
    mask = config.get("mask")
    masks = None if mask is None else [None, tf.constant(mask) > 0]
    model = keras.Model(inputs, layer(inputs, mask=masks))
    weights = {f"{prefix}.0": layer.hidden[0], f"{prefix}.2": layer.score}
    if dice:
        weights[f"{prefix}.1.alpha"] = layer.dices[0].alpha
        weights[f"{prefix}.1.bn"] = layer.dices[0].norm
    return model, weights


@reference("dcn_v3__exponential_nonorm", "dcn_v3__linear")
def deep_cross_v3(c):
    count, normalize = c.config["num_cross_layers"], c.config["layer_norm"]
    kind = "linear" if "sfc.weight" in c.params else "exponential"
    layer = DeepCrossV3(count, kind, normalize=normalize)
    weights = {}
    for n in range(count):
        weights |= c.dense(f"projection_{n}", f"w.{n}", bias=False)
        weights[f"bias_{n}"] = c[f"b.{n}"]
        if normalize:
            weights[f"norm_{n}/gamma"] = c[f"layer_norm.{n}.weight"]
            weights[f"norm_{n}/beta"] = c[f"layer_norm.{n}.bias"]
    x = keras.Input(tuple(c.inputs[0].shape[1:]), dtype=c.dtype)
    model = keras.Model(x, keras.layers.Dense(1, name="logit")(layer(x)))
    logit = c.dense("logit", "sfc" if kind == "linear" else "dfc")
    return model, _within(layer, weights) | logit


def _gate_weights(c, prefix):
    return c.dense("hidden", f"{prefix}.0") | c.dense("gate", f"{prefix}.2")


@reference("pepnet_gate__ppnet")
def personal_gates(c):
    features, prior = (keras.Input(x.shape[1:], dtype=c.dtype) for x in c.inputs)
    h, weights = features, {}
    for n, units in enumerate(c.config["hidden_units"]):
        h = keras.layers.Dense(units, activation="relu", name=f"dense_{n}")(h)
        gate = GateNU(name=f"gate_{n}")
        h = gate([h, prior, features])
        weights |= c.dense(f"dense_{n}", f"mlp_layers.{n}.0")
        weights |= _within(gate, _gate_weights(c, f"gate_layers.{n}.gate"))
    weights |= c.dense("logit", f"mlp_layers.{len(c.config['hidden_units'])}")
    return keras.Model([features, prior], keras.layers.Dense(1, name="logit")(h)), weights


@reference("afn_logarithmic__train")
def logarithmic_transform(c):
    layer = LogarithmicTransform(c.config["logarithmic_neurons"])
    layer.build(c.inputs[0].shape)
    log_norm, exp_norm = layer.norms
    return layer, {
        "coefficient_W.weight": (layer.kernel, tf.transpose),
        "log_batch_norm": log_norm,
        "exp_batch_norm": exp_norm,
    }


@reference("holographic_interaction__circular_correlation")
def holographic_interaction(c):
    return HolographicInteraction(c.config["interaction_type"]), {}


@reference("euler_interaction__same_norm")
def euler_interaction(c):
    width, norm = c.config["embedding_dim"], c.config["apply_norm"]
    layer = EulerInteraction(c.config["outshape"] // width, normalize=norm)
    weights = {
        "kernel": c["inter_orders"],
        "log_bias": tf.transpose(c["bias_lam"][0]),
        "phase_bias": tf.transpose(c["bias_theta"][0]),
        **c.dense("dense", "im"),
    }
    for ours, theirs in (("real", "norm_r"), ("imaginary", "norm_p")) if norm else ():
        weights[f"{ours}_norm/gamma"] = c[f"{theirs}.weight"]
        weights[f"{ours}_norm/beta"] = c[f"{theirs}.bias"]
    return layer, weights
