"""Small models with every kind of kernel, and every adapter."""

import keras
import numpy as np

from keras_hadamard import adapters, ops

L = keras.layers
ADAPTERS = {
    "lora": adapters.LoRA(2, alpha=3),
    "loha": adapters.LoHa(2, alpha=3),
    "loha_lycoris": adapters.LoHa(2, initialization="lycoris"),
    "loha_tucker": adapters.LoHa(2, alpha=3, tucker=True),
    "hira": adapters.HiRA(2, alpha=3),
    "abba": adapters.ABBA(1, alpha=2.0, second_rank=2),
    "lokr": adapters.LoKr(1, alpha=3, decompose_both=True),
    "lokr_lycoris": adapters.LoKr(1, factor=2, initialization="lycoris"),
    "lokr_tucker": adapters.LoKr(1, alpha=3, tucker=True),
    "vera": adapters.VeRA(3, d_initial=0.5),
    "ia3": adapters.IA3(),
    "ia3_weights": adapters.IA3(scale_bias=False),
    "ia3_inputs": adapters.IA3(feedforward=True),
    "dora": adapters.DoRA(2, alpha=3),
    "dora_loha": adapters.DoRA(2, direction="loha", norm_gradient=True),
    "dora_inputs": adapters.DoRA(2, norm="inputs"),
}
# Kernels that these cannot adapt: an embedding has no inputs to scale, a cell's bias serves two,
# windows are no matrices.
EXCLUDED = {
    "vera": "conv|depthwise|transposed",
    "ia3": "gru|pointwise|separable",
    "ia3_inputs": "embedding",
    "dora_inputs": "embedding",
}


def with_biases(model):
    """The model with biases that are not zero, as they start."""
    for weight in model.weights:
        if weight.name == "bias":
            weight.assign(keras.random.normal(weight.shape, stddev=0.3))
    return model


def tokens():
    """Embedding, attention, einsum, convolution, recurrent and dense kernels."""
    ids = keras.Input((6,), dtype="int32", name="ids")
    x = L.Embedding(11, 6, name="embedding")(ids)
    x = L.Add()([x, L.MultiHeadAttention(2, 3, name="attention")(x, x)])
    x = L.EinsumDense("abc,cde->adbe", (2, None, 4), bias_axes="de", activation="tanh", name="e")(x)
    x = L.Permute((2, 1, 3))(x)
    x = L.Reshape((6, 8))(x)
    x = L.Conv1D(5, 3, padding="same", activation="relu", name="conv")(x)
    x = L.LayerNormalization()(x)
    x = L.GRU(4, name="gru")(x)
    x = L.Dense(5, activation="gelu", name="dense")(x)
    return with_biases(keras.Model(ids, L.Dense(3, name="head")(x), name="tokens"))


def images():
    """Convolutions of every kind and batch normalisation."""
    image = keras.Input((6, 6, 3), name="image")
    x = L.Conv2D(4, 3, padding="same", name="conv")(image)
    x = L.BatchNormalization()(x)
    x = L.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", name="depthwise")(x)
    x = L.SeparableConv2D(5, 2, name="separable")(x)
    x = L.Conv2DTranspose(4, 2, name="transposed")(x)
    x = L.GlobalAveragePooling2D()(x)
    return with_biases(keras.Model(image, L.Dense(3, name="head")(x), name="images"))


MODELS = {"tokens": tokens, "images": images}


def data(kind, batch=4):
    rng = np.random.default_rng(0)
    if kind == "tokens":
        return rng.integers(0, 11, (batch, 6)).astype("int32"), rng.integers(0, 3, batch)
    return rng.normal(size=(batch, 6, 6, 3)).astype("float32"), rng.integers(0, 3, batch)


def adapt(model, name):
    return adapters.apply(model, ADAPTERS[name], exclude=EXCLUDED.get(name), name=name)


def shake(adapted, seed=0, scale=0.3):
    """Moves the weights of the active adapters away from their start."""
    rng = np.random.default_rng(seed)
    for weight in adapted.trainable_weights:
        weight.assign_add(scale * rng.normal(size=weight.shape))


@keras.saving.register_keras_serializable("adapter_tests")
class Reading(L.Layer):
    """Reads the kernel of a dense layer that it does not call."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = L.Dense(units, use_bias=False, name="read")

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return keras.ops.tanh(keras.ops.matmul(x, self.dense.kernel))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("adapter_tests")
class Block(keras.Model):
    """A subclassed model with a layer that it calls, one that others read, and one called twice."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = L.Dense(4, activation="tanh", name="first")
        self.reading = Reading(4, name="reading")
        self.last = L.Dense(2, name="last")

    def build(self, shape):
        self.first.build(shape)
        self.reading.build((*shape[:-1], 4))
        self.last.build((*shape[:-1], 4))

    def call(self, x):
        y = self.reading(self.first(x))
        return self.last(y) + self.last(ops.signed_sqrt(y))
