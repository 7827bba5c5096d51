"""The Tucker fusions on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import BLOCK, MUTAN, BlockTucker, TuckerFusion
from keras_hadamard.layers.fusion._cores import chunk_sizes


def options(config):
    """The authors' arguments in our words."""
    return {
        "mm_dim": config["mm_dim"],
        "shared_projections": config.get("shared", False),
        "use_core_bias": True,
        "normalize_axis": 1,
    }


def frame(c):
    weights = {
        **c.dense("projection_0", "linear0"),
        **c.dense("output_projection", "linear_out"),
    }
    return weights if c.config.get("shared") else weights | c.dense("projection_1", "linear1")


def low_rank(c, names):
    """The core of chunks of one size; the authors' rank is the slowest index, ours the fastest."""
    rank = c.config["rank"]
    weights = {}
    for i in range(1 if c.config.get("shared") else 2):
        kernels, biases = [], []
        for name in names(i):
            weight = c[f"{name}.weight"]
            size = weight.shape[1]
            kernel = tf.transpose(tf.reshape(weight, (rank, size, size)), (2, 1, 0))
            kernels.append(tf.reshape(kernel, (size, size * rank)))
            bias = tf.transpose(tf.reshape(c[f"{name}.bias"], (rank, size)))
            biases.append(tf.reshape(bias, (-1,)))
        weights |= {f"kernel_{i}": tf.stack(kernels), f"bias_{i}": tf.stack(biases)}
    return weights


def full(c, names):
    """As `torch.nn.Bilinear` has it, the output's index comes first."""
    kernels = [tf.transpose(c[f"{name}.weight"], (1, 2, 0)) for name in names]
    return {"kernel": tf.stack(kernels), "bias": tf.stack([c[f"{name}.bias"] for name in names])}


def groups(config):
    """The authors' numbers of the chunks of each of our cores."""
    first = 0
    for core, (chunks, _) in enumerate(chunk_sizes(config["mm_dim"], config["chunks"])):
        yield core, range(first, first + chunks)
        first += chunks


def within(core, weights):
    return {f"core_{core}/{path}": value for path, value in weights.items()}


@reference("mutan__rank3", "mutan__shared")
def mutan(c):
    layer = MUTAN(
        c.config["output_dim"],
        rank=c.config["rank"],
        normalize=c.config.get("normalize", False),
        projection_activation=None,
        **options(c.config),
    )
    return layer, frame(c) | within(0, low_rank(c, lambda i: [f"merge_linear{i}"]))


@reference("tucker__plain")
def tucker(c):
    normalize = c.config.get("normalize", False)
    # The authors' code does not share where it says so.
    arguments = options(c.config) | {"shared_projections": False, "normalize": normalize}
    weights = frame(c) | c.dense("projection_1", "linear1")
    return TuckerFusion(c.config["output_dim"], **arguments), weights | within(
        0, full(c, ["bilinear"])
    )


def chunked(c):
    position = c.config.get("pos_norm", "before_cat")
    return {**options(c.config), "chunks": c.config["chunks"], "normalize_position": position}


@reference("block__after_cat", "block__shared")
def block(c):
    layer = BLOCK(c.config["output_dim"], rank=c.config["rank"], **chunked(c))
    weights = frame(c)
    for core, numbers in groups(c.config):
        merges = low_rank(c, lambda i, ns=numbers: [f"merge_linears{i}.{n}" for n in ns])
        weights |= within(core, merges)
    return layer, weights


@reference("block_tucker__after_cat")
def block_tucker(c):
    weights = frame(c)
    for core, numbers in groups(c.config):
        weights |= within(core, full(c, [f"bilinears.{n}" for n in numbers]))
    return BlockTucker(c.config["output_dim"], **chunked(c)), weights
