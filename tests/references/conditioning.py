"""The layers that a condition or a map modulates, on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import SPADE, FiLMResidualBlock2D

POSITIONS = {"relu-film": "relu", "block-output-film": "output"}


def _convolution(c, name, theirs):
    kernel = tf.transpose(c[f"{theirs}.weight"], (2, 3, 1, 0))
    return {f"{name}/kernel": kernel, f"{name}/bias": c[f"{theirs}.bias"]}


def _statistics(c, theirs):
    return {
        "normalization/moving_mean": c[f"{theirs}.running_mean"],
        "normalization/moving_variance": c[f"{theirs}.running_var"],
    }


# As with `film`, our block computes the gamma and beta that the authors' is given.
@reference(
    "film_resblock__block_out",
    "film_resblock__relu_film_coords",
    adapt=lambda x: [x[0], tf.concat(x[1:3], -1), *x[3:]],
)
def film_block(c):
    width, normalized = c.config["in_dim"], c.config.get("with_batchnorm", True)
    block = FiLMResidualBlock2D(
        width,
        film_position=POSITIONS[c.config["condition_method"]],
        use_batch_normalization=normalized,
        input_kernel_size=c.config["with_input_proj"],
        gamma_offset=0.0,
        data_format="channels_first",
    )
    weights = {
        "film/condition_projection/kernel": tf.eye(2 * width, dtype=c.dtype),
        "film/condition_projection/bias": tf.zeros(2 * width, c.dtype),
        **_convolution(c, "input_convolution", "input_proj"),
        **_convolution(c, "convolution", "conv1"),
    }
    if normalized:
        weights |= _statistics(c, "bn1")
    return block, weights


@reference("spade__batch1x1_train")
def spade(c):
    layer = SPADE(normalization="batch", kernel_size=1, data_format="channels_first")
    return layer, {
        **_convolution(c, "hidden_convolution", "mlp_shared.0"),
        **_convolution(c, "gamma_convolution", "mlp_gamma"),
        **_convolution(c, "beta_convolution", "mlp_beta"),
        **_statistics(c, "param_free_norm"),
    }
