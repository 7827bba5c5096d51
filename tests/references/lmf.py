"""Low-rank fusion behind the authors' networks of the three modalities."""

import keras
import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import LMF


class Network(keras.Model):
    """Batch normalisation and three dense layers for sound and face, an LSTM for text."""

    def __init__(self, config):
        super().__init__(name="network")
        self.dense = {
            name: [keras.layers.Dense(width, "relu", name=f"{name}_{n}") for n in (1, 2, 3)]
            for name, width in zip(("audio", "video"), config["hidden_dims"], strict=False)
        }
        self.norms = {
            name: keras.layers.BatchNormalization(epsilon=1e-5, name=f"{name}_norm")
            for name in self.dense
        }
        self.rnn = keras.layers.LSTM(config["hidden_dims"][2], name="rnn")
        self.text = keras.layers.Dense(config["text_out"], name="text")
        self.fusion = LMF(
            config["output_dim"],
            config["rank"],
            activation="softmax" if config.get("use_softmax") else None,
            use_rank_weights=True,
            name="fusion",
        )

    def call(self, inputs):
        seen = []
        for x, name in zip(inputs, self.dense, strict=False):
            x = self.norms[name](x)
            for dense in self.dense[name]:
                x = dense(x)
            seen.append(x)
        return self.fusion([*seen, self.text(self.rnn(inputs[2]))])


@reference("lmf__rank3")
def lmf(c):
    weights = {"fusion/rank_weights": c["fusion_weights"], "fusion/bias": c["fusion_bias"][0]}
    for i, name in enumerate(("audio", "video", "text")):
        factor = c[f"{name}_factor"]
        flat = tf.reshape(tf.transpose(factor, (1, 0, 2)), (factor.shape[1], -1))
        weights[f"fusion/factor_{i}"] = flat
    for name in ("audio", "video"):
        for n in (1, 2, 3):
            weights |= c.dense(f"{name}_{n}", f"{name}_subnet.linear_{n}")
        theirs = ("weight", "bias", "running_mean", "running_var")
        ours = ("gamma", "beta", "moving_mean", "moving_variance")
        for one, other in zip(ours, theirs, strict=True):
            weights[f"{name}_norm/{one}"] = c[f"{name}_subnet.norm.{other}"]
    gates = "text_subnet.rnn"
    return Network(c.config), {
        **weights,
        **c.dense("text", "text_subnet.linear_1"),
        "rnn/lstm_cell/kernel": tf.transpose(c[f"{gates}.weight_ih_l0"]),
        "rnn/lstm_cell/recurrent_kernel": tf.transpose(c[f"{gates}.weight_hh_l0"]),
        "rnn/lstm_cell/bias": c[f"{gates}.bias_ih_l0"] + c[f"{gates}.bias_hh_l0"],
    }
