"""The layers between the input and a layer, and between the layer and its ten outputs."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.train_defaults.digits import LEVELS

UNITS, CHANNELS = 32, 16
Tensors = dict[str, Any]
Make = Callable[[], Any]


class Places(keras.layers.Layer):
    """Adds a learned vector of each position."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.table = self.add_weight(
            name="table",
            shape=input_shape[1:],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(self, x: Any) -> Any:
        return x + self.table


def dense(x: Any, units: int = UNITS, activation: str | None = None) -> Any:
    return keras.layers.Dense(units, activation)(x)


def norm(x: Any) -> Any:
    return keras.layers.LayerNormalization(epsilon=1e-5)(x)


def around(x: Any, layer: Callable[[Any], Any]) -> Any:
    """A normalisation before, the input added after where the shape allows, and another one."""
    y = layer(norm(x))
    return norm(x + y if y.shape == x.shape else y)


def pooled(x: Any) -> Any:
    while len(x.shape) > 2:
        x = ops.mean(x, axis=1)
    return x


def stem(image: Any) -> Any:
    return keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="relu")(image)


def vector(x: Tensors, make: Make) -> Any:
    return make()(x["pixels"])


def of_a_class(x: Tensors, make: Make) -> Any:
    return ops.concatenate([make()(x["pixels"]) for _ in range(10)], axis=-1)


def hidden(x: Tensors, make: Make) -> Any:
    return make()(dense(x["pixels"], UNITS, "relu"))


def branch(x: Tensors, make: Make) -> Any:
    h = dense(x["pixels"], UNITS)
    return h + make()(dense(h, UNITS, "relu"))


def streams(x: Tensors, make: Make) -> Any:
    h = ops.repeat(dense(x["pixels"], UNITS)[:, None], 4, axis=1)
    return ops.sum(make()(h), axis=1)


def sequence(x: Tensors, make: Make) -> Any:
    return pooled(around(Places()(dense(x["rows"])), make()))


def target(x: Tensors, make: Make) -> Any:
    rows = Places()(dense(x["rows"]))
    return make()([rows[:, -1], rows])


def two_sequences(x: Tensors, make: Make) -> Any:
    rows = Places()(dense(x["rows"]))
    return pooled(make()([rows[:, :4], rows[:, 4:]]))


def image(x: Tensors, make: Make) -> Any:
    return pooled(make()(stem(x["image"])))


def between(x: Tensors, make: Make) -> Any:
    y = make()(stem(x["image"]))
    return keras.layers.Conv2D(CHANNELS, 3, 2, padding="same", activation="relu")(y)


def blocks(x: Tensors, make: Make) -> Any:
    y, *products = make()([stem(x["image"])])
    return pooled(make()([y, *products])[0])


def mixer(x: Tensors, make: Make) -> Any:
    return pooled(around(stem(x["image"]), make()))


def halves(x: Tensors, make: Make) -> Any:
    return make()([x["left"], x["right"]])


def condition(x: Tensors, make: Make) -> Any:
    return keras.layers.ReLU()(make()([dense(x["left"], UNITS), x["right"]]))


def image_condition(x: Tensors, make: Make) -> Any:
    return pooled(keras.layers.ReLU()(make()([stem(x["left_image"]), x["right"]])))


def both(x: Tensors, make: Make) -> Any:
    image, vector = make()([stem(x["left_image"]), dense(x["right"], UNITS, "relu")])
    return ops.concatenate([pooled(image), vector], axis=-1)


def fields(x: Tensors, make: Make) -> Any:
    ids = x["fields"] + LEVELS * np.arange(16, dtype="int32")
    return make()(keras.layers.Embedding(16 * LEVELS, 8)(ids))


def complex_fields(x: Tensors, make: Make) -> Any:
    ids = x["fields"] + LEVELS * np.arange(16, dtype="int32")
    return ops.concatenate(
        make()([keras.layers.Embedding(16 * LEVELS, 8)(ids) for _ in range(2)]), axis=-1
    )


def ids(x: Tensors, make: Make) -> Any:
    return make()(x["fields"])


def plane(x: Tensors, make: Make) -> Any:
    return make()(x["plane"])
