"""The polynomial layers on the authors' parameters."""

import keras
import tensorflow as tf
from harness.golden import channels_first, channels_last, reference
from keras.layers import AveragePooling2D, Conv2D, Dense, Flatten, Identity, Permute, ZeroPadding2D

from keras_hadamard.layers import (
    DensePolynomialResidualBlock2D,
    HadamardProduct,
    PolynomialBlock2D,
    PolynomialDense,
    PolynomialResidualBlock2D,
)
from keras_hadamard.models import PolynomialGenerator, _polynomial_blocks


def _ccp_weights(c, degree, bias):
    weights = c.dense("output_projection", "C")
    for n in range(1, degree + 1):
        weights |= c.dense(f"factor_{n}", f"U{n}", bias)
    return weights


@reference("pinet_ccp__deg3_nobias", adapt=lambda x: tf.reshape(x[0], (x[0].shape[0], -1)))
def ccp(c):
    degree, bias = c.config["n_degree"], c.config["bias"]
    layer = PolynomialDense(
        c.config["n_classes"], degree, rank=c.config["hidden_size"], use_factor_bias=bias
    )
    return layer, _ccp_weights(c, degree, bias)


def _conv(c, layer, weight, bias=True, scale=1.0):
    values = {f"{layer}/kernel": scale * tf.transpose(c[f"{weight}.weight"], (2, 3, 1, 0))}
    return values | ({f"{layer}/bias": scale * c[f"{weight}.bias"]} if bias else {})


@reference("pinet_ccp__cp_conv3", adapt=channels_last, restore=channels_first)
def ccp_of_convolutions(c):
    """The same recursion with convolutions as its branches, in functional form."""
    z = keras.Input(tuple(channels_last(c.inputs).shape[1:]), dtype=c.dtype)
    padded = ZeroPadding2D(2)(z)
    branches = [Conv2D(c.config["k"], 4, 2, use_bias=False, name=f"u{n}") for n in (1, 2, 3)]
    x = branches[0](padded)
    for branch in branches[1:]:
        x = HadamardProduct([Identity(), branch], skip=True, name=f"product_{branch.name}")(
            [x, padded]
        )
    y = Conv2D(c.config["o"], 4, 2, name="c")(ZeroPadding2D(2)(x))
    weights = {}
    for n in (1, 2, 3):
        path = "u1" if n == 1 else f"product_u{n}/u{n}"
        weights |= _conv(c, path, f"layer_U{n}", bias=False)
    return keras.Model(z, y), weights | _conv(c, "c", "layer_C")


@reference("pinet_ccp__pn_conv_alpha", adapt=channels_last)
def ccp_of_pooled_convolutions(c):
    config = c.config
    degree, pools = config["n_degree"], 0
    z = keras.Input((28, 28, 1), dtype=c.dtype)

    def convolution(n):
        return Conv2D(config["n_channels"], config["kernel_size"], padding="same", name=f"u{n}")

    x, weights = convolution(1)(z), _conv(c, "u1", "conv1")
    for n in range(2, degree + 1):
        branch = keras.Sequential(
            [convolution(n), *[AveragePooling2D(2) for _ in range(pools)]], name=f"branch_{n}"
        )
        x = HadamardProduct([Identity(), branch], skip=True, name=f"product_{n}")([x, z])
        weights |= _conv(c, f"product_{n}/branch_{n}/u{n}", f"conv{n}", scale=c[f"alpha{n}"])
        if n in config["downsample_degs"]:
            x, pools = AveragePooling2D(2)(x), pools + 1
    y = Dense(10, name="c")(Flatten()(Permute((3, 1, 2))(x)))
    return keras.Model(z, y), weights | c.dense("c", "C")


@reference("pinet_ncp__ncp_l3")
def ncp(c):
    layer = PolynomialDense(c.config["o"], 3, "ncp", rank=c.config["k"])
    constant = {n: tf.linalg.matvec(c[f"layer_B{n}.weight"], c[f"layer_b{n}"]) for n in (1, 2, 3)}
    weights = {
        "first_state": constant[1],
        **c.dense("factor_1", "layer_A1", bias=False),
    }
    for n in (2, 3):
        weights |= c.dense(f"factor_{n}", f"layer_A{n}", bias=False)
        weights |= c.dense(f"state_projection_{n}", f"layer_S{n}", bias=False)
        weights[f"state_projection_{n}/bias"] = constant[n]
    return layer, weights | c.dense("output_projection", "layer_C")


IMAGE = {"adapt": channels_last, "restore": channels_first}
NORMS = {None: "batch", 0: "batch", 1: "instance", 2: "iterative", -1: None}


def _built(layer, c):
    layer.build(tuple(channels_last(c.inputs).shape))
    return layer


@reference(
    "pinet_resblock__pinet_1x1_norelu_down_train",
    "pinet_resblock__pinet_1x1_relu_down_train",
    "pinet_resblock__pinet_norelu_down_train",
    "pinet_resblock__pinet_relu_down_train",
    **IMAGE,
)
def pi_net_block(c):
    block = PolynomialResidualBlock2D(
        c.config["planes"],
        c.config["stride"],
        activation=None if "norelu" in c.name else "relu",
        product_convolutions=int("1x1" in c.name),
        alpha_initializer=None,
    )
    return block, _polynomial_blocks.pi_net_block(_built(block, c))


@reference("pinet_ncp_block__first_conv_only_instnorm", "pinet_ncp_block__two_conv_eval", **IMAGE)
def single_polynomial(c):
    config = c.config
    block = PolynomialBlock2D(
        config["planes"],
        config.get("kernel_sz", 3),
        config.get("stride", 1),
        convolutions=1 if config.get("use_only_first_conv") else 2,
        normalization=NORMS[config.get("norm_layer")],
        shortcut_normalization=NORMS[config.get("norm_S")],
        alpha_initializer="zeros" if config.get("use_alpha") else None,
    )
    return block, _polynomial_blocks.single_polynomial(_built(block, c))


def _regularized(config, layer, **options):
    count = config["n_lconvs"]
    return layer(
        config["planes"],
        config.get("stride", 1),
        normalization=NORMS[config.get("norm_layer")],
        shortcut_normalization=NORMS[config.get("norm_x", -1)],
        product_convolutions=count,
        product_normalization=NORMS[config.get("norm_local")] if count else None,
        alpha_initializer="zeros" if config.get("use_alpha", True) else None,
        shortcut_momentum=0.81,
        **options,
    )


@reference(
    "rpolynet_block__bn_down_train",
    "rpolynet_block__inst_local2",
    "rpolynet_block__nonorm_noalpha",
    **IMAGE,
)
def r_poly_net_block(c):
    block = _regularized(c.config, PolynomialResidualBlock2D)
    return block, _polynomial_blocks.regularized_block(_built(block, c))


@reference("rpdc_block__noact", **IMAGE)
def pdc_block(c):
    block = _regularized(
        c.config,
        PolynomialResidualBlock2D,
        product="shortcut",
        product_filters=c.config["planes_ho"],
    )
    return block, _polynomial_blocks.regularized_block(_built(block, c))


@reference("dpolynet_block__three_same", "dpolynet_block__down_alpha", **IMAGE)
def d_poly_net_blocks(c):
    x = keras.Input(tuple(channels_last(c.inputs).shape[1:]), dtype=c.dtype)
    outputs, mapping = [x], {}
    for i, config in enumerate(c.config["blocks"]):
        config = c.config["common"] | config
        skip = config.get("skip_con_dense", False)
        theta = "zeros" if skip and config.get("use_theta") else None
        block = _regularized(
            config,
            DensePolynomialResidualBlock2D,
            dense_skip=skip,
            theta_initializer=theta,
            name=f"block_{i}",
        )
        outputs = block(outputs)
        mapping |= _polynomial_blocks.regularized_block(block, f"blocks.{i}.")
    return keras.Model(x, outputs), mapping


@reference(
    "pinet_generator__noact_inst",
    "pinet_generator__act_concat",
    adapt=lambda inputs: inputs[0][:, :, 0, 0],
    restore=channels_first,
)
def generator(c):
    config = c.config
    latent, *filters, channels = config["g_layers"]
    model = PolynomialGenerator(
        latent,
        filters,
        channels,
        activation=config["activation_fn"],
        inject=config["inject_z"],
        concatenate=config.get("concat_injection", False),
        mapping_layers=config.get("transform_rep", 0) if config.get("transform_z") else 0,
        normalization=config["norm"],
    )
    return model, model.torch_mapping()
