"""Hyper-connections on the parameters of the implementation that is mostly used."""

import keras
import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import HyperConnections


def _streams(inputs, count):
    """The authors' streams are in the batch, ours are after the positions."""
    (x,) = inputs
    x = tf.reshape(x, (-1, count, *x.shape[1:]))
    return tf.transpose(x, (0, 2, 1, 3))


def _batch(y):
    y = tf.transpose(y, (0, 2, 1, 3))
    return tf.reshape(y, (-1, *y.shape[2:]))


@reference(
    "hyper_connections__streams2_notanh",
    adapt=lambda inputs: _streams(inputs, 2),
    restore=_batch,
)
def hyper_connections(c):
    config = c.config
    layer = HyperConnections(
        keras.layers.Dense(config["dim"], name="branch"),
        config["num_residual_streams"],
        config["layer_index"],
        activation="tanh" if config.get("tanh", True) else None,
    )
    return layer, {
        "read": c["static_alpha"][:, 0],
        "mixing": c["static_alpha"][:, 1:],
        "write": c["static_beta"],
        "gamma": c["norm.gamma"],
        "gate_kernel": tf.concat([c["dynamic_alpha_fn"], c["dynamic_beta_fn"][:, None]], 1),
        "read_scale": c["dynamic_alpha_scale"],
        "write_scale": c["dynamic_beta_scale"],
        **c.dense("branch", "branch"),
    }
