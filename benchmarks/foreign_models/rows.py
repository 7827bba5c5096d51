"""The models of the table: one of each family of `keras.applications`, and other kinds."""

import importlib.util
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.foreign_models.hub import HUB

L = keras.layers
A = keras.applications


class Subclassed(keras.Model):
    """A model with a `call` of its own, an arguments' configuration and a layer called twice."""

    def __init__(self, units: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first, self.again = L.Dense(units, "relu"), L.Dense(units, "tanh")
        self.last = L.Dense(3)

    def call(self, x: Any) -> Any:
        return self.last(self.again(self.again(self.first(x))))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


keras.saving.register_keras_serializable("foreign_models")(Subclassed)


def application(name: str, side: int = 32, **kwargs: Any) -> keras.Model:
    given = {"weights": None, "classes": 3, "input_shape": (side, side, 3), **kwargs}
    return getattr(A, name)(**given)


def subclassed() -> keras.Model:
    model = Subclassed()
    model(np.zeros((1, 6), "float32"))
    return model


def recurrent() -> keras.Model:
    x = keras.Input((5, 4))
    y = L.Bidirectional(L.LSTM(4, return_sequences=True))(x)
    y = L.TimeDistributed(L.Dense(6, "relu"))(y)
    return keras.Model(x, L.Dense(3)(L.GRU(4)(y)))


def cells() -> keras.Model:
    x = keras.Input((5, 4))
    cells = L.StackedRNNCells([L.LSTMCell(4), L.GRUCell(6)])
    return keras.Model(x, L.Dense(3)(L.RNN(cells)(x)))


def siamese() -> keras.Model:
    inputs = [keras.Input((6,)), keras.Input((6,))]
    shared = keras.Sequential([L.Dense(8, "relu"), L.Dense(4)])
    left, right = map(shared, inputs)
    return keras.Model(inputs, L.Dense(3)(ops.abs(left - right)))


def attention() -> keras.Model:
    ids = keras.Input((6,), dtype="int32")
    x = L.Embedding(11, 8)(ids)
    x = L.LayerNormalization()(x + L.MultiHeadAttention(2, 4)(x, x))
    x = L.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d")(x)
    return keras.Model(ids, L.Dense(3)(L.GlobalAveragePooling1D()(x)))


def nested() -> keras.Model:
    y = keras.Input((6,))
    inner = keras.Model(y, L.Concatenate()([L.Dense(4)(y), L.Dense(4, "relu")(y)]))
    x = keras.Input((6,))
    return keras.Model(x, L.Dense(3)(inner(x) + inner(L.Dense(6)(x))))


def sequences() -> keras.Model:
    """A cell that Keras unrolls, convolutions over time, and a convolution inside of a cell."""
    x = keras.Input((6, 4))
    y = L.SimpleRNN(4, return_sequences=True, unroll=True)(x)
    y = L.Conv1D(6, 3, padding="causal", activation="relu")(y)
    y = L.SeparableConv1D(4, 3, padding="same")(y)
    y = L.ConvLSTM1D(3, 3, padding="same")(L.Reshape((3, 2, 4))(y))
    return keras.Model(x, L.Dense(3)(L.Flatten()(y)))


def u_net() -> keras.Model:
    x = keras.Input((16, 16, 3))
    wide = L.Conv2D(8, 3, padding="same", activation="relu")(x)
    deep = L.BatchNormalization()(L.SeparableConv2D(12, 3, 2, padding="same")(wide))
    deep = L.DepthwiseConv2D(3, padding="same", activation="relu")(deep)
    up = L.Conv2DTranspose(8, 3, 2, padding="same", activation="relu")(deep)
    return keras.Model(x, L.Conv2D(2, 1)(L.Concatenate()([wide, up])))


def tied() -> keras.Model:
    ids = keras.Input((6,), dtype="int32")
    table = L.ReversibleEmbedding(11, 8)
    x = L.Dense(8, "gelu")(L.LayerNormalization()(table(ids)))
    return keras.Model(ids, table(x, reverse=True))


def hub() -> str | None:
    """Imports keras-hub; why its rows are left out, if they are."""
    if importlib.util.find_spec("keras_hub") is None:
        return "keras-hub is not installed (`pip install keras-hub`)"
    import keras_hub as keras_hub

    return None


ROWS: dict[str, Callable[[], keras.Model]] = {
    "Sequential": lambda: keras.Sequential([keras.Input((6,)), L.Dense(8, "relu"), L.Dense(3)]),
    "nested": nested,
    "subclassed": subclassed,
    "siamese": siamese,
    "attention": attention,
    "recurrent": recurrent,
    "cells": cells,
    "sequences": sequences,
    "U-Net": u_net,
    "tied": tied,
    "MobileNetV3Small": lambda: application("MobileNetV3Small"),
    "MobileNetV2": lambda: application("MobileNetV2", alpha=0.35),
    "MobileNet": lambda: application("MobileNet", alpha=0.25),
    "EfficientNetB0": lambda: application("EfficientNetB0"),
    "EfficientNetV2B0": lambda: application("EfficientNetV2B0"),
    "ConvNeXtTiny": lambda: application("ConvNeXtTiny"),
    "ResNet50": lambda: application("ResNet50"),
    "ResNet50V2": lambda: application("ResNet50V2"),
    "DenseNet121": lambda: application("DenseNet121"),
    "Xception": lambda: application("Xception", 71),
    "InceptionV3": lambda: application("InceptionV3", 75),
    "InceptionResNetV2": lambda: application("InceptionResNetV2", 75),
    "NASNetMobile": lambda: application("NASNetMobile"),
    "VGG16": lambda: application("VGG16"),
    **HUB,
}
