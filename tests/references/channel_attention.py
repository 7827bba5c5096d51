"""Attention over channels on the authors' parameters."""

import numpy as np
import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import SqueezeExcite2D


def _projection(c, name, theirs):
    kernel = tf.transpose(c[f"{theirs}.weight"][:, :, 0, 0])
    return {f"{name}/kernel": kernel, f"{name}/bias": c[f"{theirs}.bias"]}


def _hard_sigmoid(x):
    """PyTorch's: its gradient, not its value, has the sixth in float32 whatever the type."""
    clipped = tf.nn.relu6(x + 3)
    y = clipped * float(np.float32(1 / 6))
    return y + tf.stop_gradient(clipped / 6 - y)


@reference("se__rd3")
def squeeze_excite(c):
    layer = SqueezeExcite2D(hidden_units=len(c["fc1.bias"]), data_format="channels_first")
    return layer, {**_projection(c, "squeeze", "fc1"), **_projection(c, "excite", "fc2")}


@reference("se__effective_se")
def effective_squeeze_excite(c):
    layer = SqueezeExcite2D(
        "effective", gate_activation=_hard_sigmoid, data_format="channels_first"
    )
    return layer, _projection(c, "excite", "fc")
