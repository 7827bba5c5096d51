"""Gates and recurrences on the authors' parameters."""

import keras
import tensorflow as tf
from harness.golden import port
from keras.layers import Dense

from keras_hadamard.layers import (
    GatedDense,
    MinGRU,
    gelu_tanh,
)


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
