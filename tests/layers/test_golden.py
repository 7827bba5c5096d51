"""The layers on the numbers of the original authors' code."""

import keras
import pytest
import tensorflow as tf
from harness.golden import FOLDER, channels_first, channels_last, check_golden
from keras.layers import AveragePooling2D, Conv2D, Dense, Flatten, Identity, Permute, ZeroPadding2D

from keras_hadamard.layers import (
    MFB,
    MLB,
    ConcatFusion,
    FiLM,
    GatedDense,
    HadamardProduct,
    MinGRU,
    PolynomialDense,
    PolyNonLocal,
    SumFusion,
    gelu_tanh,
)

PORTS = {}


def port(*names, **how):
    def register(function):
        PORTS.update(dict.fromkeys(names, (function, how)))
        return function

    return register


def fusion_options(config):
    """The authors' arguments, whose defaults are not the paper's, in our words."""
    return {
        "rank": config["mm_dim"],
        "activation": config.get("activ_output", "relu"),
        "projection_activation": config.get("activ_input", "relu"),
        "normalize": config.get("normalize", False),
        "normalize_axis": 1,
    }


def fusion_weights(c):
    return {
        **c.dense("projection_0", "linear0"),
        **c.dense("projection_1", "linear1"),
        **c.dense("output_projection", "linear_out"),
    }


@port("mlb__linear_noact", "mlb__relu_norm_exact_zeros", "mlb__seq3d_norm_dim1")
def mlb(c):
    return MLB(c.config["output_dim"], **fusion_options(c.config)), fusion_weights(c)


@port("linear_sum__relu_default")
def linear_sum(c):
    return SumFusion(c.config["output_dim"], **fusion_options(c.config)), fusion_weights(c)


@port("mfb__paper_norm", "mfb__relu_norm_exact_zeros")
def mfb(c):
    options = fusion_options(c.config)
    return MFB(c.config["output_dim"], factor=c.config["factor"], **options), fusion_weights(c)


@port("concat_mlp__relu")
def concat_mlp(c):
    layer = ConcatFusion(c.config["output_dim"], hidden_units=c.config["dimensions"])
    weights = {}
    for i in range(3):
        weights |= c.dense(f"projection_{i}", f"mlp.linears.{i}")
    return layer, weights


def _ccp_weights(c, degree, bias):
    names = [f"U{n}" for n in range(1, degree + 1)]
    weights = {"factors/kernel": tf.concat([tf.transpose(c[f"{n}.weight"]) for n in names], 1)}
    if bias:
        weights["factors/bias"] = tf.concat([c[f"{n}.bias"] for n in names], 0)
    return weights | c.dense("output_projection", "C")


@port("pinet_ccp__deg3_nobias", adapt=lambda x: tf.reshape(x[0], (x[0].shape[0], -1)))
def ccp(c):
    degree, bias = c.config["n_degree"], c.config["bias"]
    layer = PolynomialDense(
        c.config["n_classes"], degree, rank=c.config["hidden_size"], use_factor_bias=bias
    )
    return layer, _ccp_weights(c, degree, bias)


def _conv(c, layer, weight, bias=True, scale=1.0):
    values = {f"{layer}/kernel": scale * tf.transpose(c[f"{weight}.weight"], (2, 3, 1, 0))}
    return values | ({f"{layer}/bias": scale * c[f"{weight}.bias"]} if bias else {})


@port("pinet_ccp__cp_conv3", adapt=channels_last, restore=channels_first)
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


@port("pinet_ccp__pn_conv_alpha", adapt=channels_last)
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


@port("pinet_ncp__ncp_l3")
def ncp(c):
    layer = PolynomialDense(c.config["o"], 3, "ncp", rank=c.config["k"])
    constant = {n: tf.linalg.matvec(c[f"layer_B{n}.weight"], c[f"layer_b{n}"]) for n in (1, 2, 3)}
    weights = {
        "first_state": constant[1],
        "factors/kernel": tf.concat([tf.transpose(c[f"layer_A{n}.weight"]) for n in (1, 2, 3)], 1),
    }
    for n in (2, 3):
        weights |= c.dense(f"state_projection_{n}", f"layer_S{n}", bias=False)
        weights[f"state_projection_{n}/bias"] = constant[n]
    return layer, weights | c.dense("output_projection", "layer_C")


def _gated_mlp(c, activation, hidden, use_bias=True):
    units = {"use_bias": use_bias, "dtype": c.dtype}
    return keras.Sequential(
        [
            GatedDense(hidden, activation=activation, name="gated", **units),
            Dense(
                c["fc2.weight" if "fc2.weight" in c.params else "down_proj.weight"].shape[0],
                name="down",
                **units,
            ),
        ]
    )


@port("glu__geglu", "glu__reglu")
def packed_glu(c):
    activation = {"glu__geglu": "gelu", "glu__reglu": "relu"}[c.name]
    value, gate = tf.split(c["fc1.weight"], 2)
    value_bias, gate_bias = tf.split(c["fc1.bias"], 2)
    return _gated_mlp(c, activation, c.config["hidden_features"] // 2), {
        "gated/value_projection/kernel": tf.transpose(value),
        "gated/value_projection/bias": value_bias,
        "gated/gate_projection/kernel": tf.transpose(gate),
        "gated/gate_projection/bias": gate_bias,
        **c.dense("down", "fc2"),
    }


@port("glu__swiglu_split")
def split_swiglu(c):
    return _gated_mlp(c, "silu", c.config["hidden_features"]), {
        **c.dense("gated/value_projection", "fc1_x"),
        **c.dense("gated/gate_projection", "fc1_g"),
        **c.dense("down", "fc2"),
    }


@port("swiglu_llama__gelu_tanh_bias")
def llama_mlp(c):
    bias = c.config["bias"]
    return _gated_mlp(c, gelu_tanh, c.config["inter"], bias), {
        **c.dense("gated/value_projection", "up_proj", bias),
        **c.dense("gated/gate_projection", "gate_proj", bias),
        **c.dense("down", "down_proj", bias),
    }


# The authors' layer is given gamma and beta; ours computes them, here by the identity.
@port(
    "film__layer",
    adapt=lambda x: [channels_last(x), tf.concat(x[1:], -1)],
    restore=channels_first,
)
def film(c):
    width = 2 * c.inputs[1].shape[-1]
    layer = FiLM(gamma_offset=0.0, use_bias=False)
    return layer, {"condition_projection/kernel": tf.eye(width, dtype=c.dtype)}


@port("mingru__parallel_T5", adapt=lambda x: x[0])
def min_gru(c):
    layer = MinGRU(c.config["dim"], return_sequences=True, use_bias=False)
    return layer, {"projection/kernel": tf.transpose(c["to_hidden_and_gate.weight"])}


@port("mingru__step_T1_prev")
def min_gru_with_state(c):
    x, h = (keras.Input(tuple(i.shape[1:]), dtype=c.dtype) for i in c.inputs)
    layer = MinGRU(c.config["dim"], return_sequences=True, use_bias=False, name="gru")
    model = keras.Model([x, h], layer(x, initial_state=h[:, 0]))
    return model, {"gru/projection/kernel": tf.transpose(c["to_hidden_and_gate.weight"])}


@port("poly_nl__formula_bias", adapt=channels_last, restore=channels_first)
def poly_non_local(c):
    bias = c.config["bias"]
    weights = {"alpha": tf.squeeze(c["alpha"]), "beta": tf.squeeze(c["beta"])}
    for ours, theirs in (("left", "b"), ("right", "c"), ("output", "d")):
        weights[f"{ours}_projection/kernel"] = tf.transpose(c[f"conv_{theirs}.weight"][:, :, 0, 0])
        if bias:
            weights[f"{ours}_projection/bias"] = c[f"conv_{theirs}.bias"]
    return PolyNonLocal(use_bias=bias), weights


def test_every_golden_file_has_a_port():
    assert {p.stem for p in FOLDER.glob("*.npz")} == set(PORTS)


@pytest.mark.parametrize(
    ("dtype", "jit"), [("float64", False), ("float64", True), ("float32", True)]
)
@pytest.mark.parametrize("name", sorted(PORTS))
def test_golden(name, dtype, jit):
    function, how = PORTS[name]
    check_golden(name, function, dtype, jit, **how)
