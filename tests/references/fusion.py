"""The fusions on the authors' parameters."""

import tensorflow as tf
from harness.golden import channels_first, channels_last, reference

from keras_hadamard.layers import GMU, MCB, MFB, MFH, MLB, ConcatFusion, FiLM, SumFusion


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


@reference("mlb__linear_noact", "mlb__relu_norm_exact_zeros", "mlb__seq3d_norm_dim1")
def mlb(c):
    return MLB(c.config["output_dim"], **fusion_options(c.config)), fusion_weights(c)


@reference("linear_sum__relu_default")
def linear_sum(c):
    return SumFusion(c.config["output_dim"], **fusion_options(c.config)), fusion_weights(c)


@reference("mfb__paper_norm", "mfb__relu_norm_exact_zeros")
def mfb(c):
    options = fusion_options(c.config)
    return MFB(c.config["output_dim"], factor=c.config["factor"], **options), fusion_weights(c)


@reference("mfh__noact_norm")
def mfh(c):
    weights = c.dense("output_projection", "linear_out")
    # Our kernel holds the blocks side by side.
    for i in range(2):
        blocks = [c.dense("", f"linear{i}_{block}") for block in range(2)]
        for name in ("kernel", "bias"):
            weights[f"projection_{i}/{name}"] = tf.concat([b[f"/{name}"] for b in blocks], -1)
    layer = MFH(c.config["output_dim"], factor=c.config["factor"], **fusion_options(c.config))
    return layer, weights


@reference("mcb__even16_relu")
def mcb(c):
    options = {"activation": c.config.get("activ_output", "relu"), "normalize": False}
    layer = MCB(c.config["output_dim"], c.config["mm_dim"], **options)
    weights = c.dense("output_projection", "linear_out")
    for i in (1, 2):
        weights[f"indices_{i}"] = tf.cast(c[f"mcb.sketch{i}.h"], tf.int64)
        weights[f"signs_{i}"] = tf.cast(c[f"mcb.sketch{i}.s"], c.dtype)
    return layer, weights


# The authors' unit is given the projections, which the identity makes of themselves.
@reference("gmu__formula_bimodal")
def gmu(c):
    dim = c.config["dim"]
    layer = GMU(dim, gate_on="projections", return_gates=True, use_bias=False)
    weights = {f"projection_{i}/kernel": tf.eye(dim, dtype=c.dtype) for i in range(2)}
    return layer, {**weights, "gate_projection/kernel": c["W"]}


@reference("concat_mlp__relu")
def concat_mlp(c):
    layer = ConcatFusion(c.config["output_dim"], hidden_units=c.config["dimensions"])
    weights = {}
    for i in range(3):
        weights |= c.dense(f"projection_{i}", f"mlp.linears.{i}")
    return layer, weights


# The authors' layer is given gamma and beta; ours computes them, here by the identity.
@reference(
    "film__layer",
    adapt=lambda x: [channels_last(x), tf.concat(x[1:], -1)],
    restore=channels_first,
)
def film(c):
    width = 2 * c.inputs[1].shape[-1]
    layer = FiLM(gamma_offset=0.0, use_bias=False)
    return layer, {"condition_projection/kernel": tf.eye(width, dtype=c.dtype)}
