"""The layers of recommenders on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import (
    BilinearInteraction,
    FactorizedInteraction,
    FieldSqueezeExcite,
    GatedCrossNetwork,
    MaskBlock,
    MultiHeadBilinear,
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
