"""Small encoders that turn an input of any kind into a vector."""

import keras

from keras_hadamard import layers
from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning.fields import Field

# Images are halved until their longer side is at most this: what is left of the positions goes into
# the vector, which questions about places need and global pooling would lose.
GRID = 8


def encode(
    x: Tensor,
    field: Field,
    units: int,
    name: str,
    attention: keras.layers.Layer | None = None,
    mixer: keras.layers.Layer | None = None,
) -> Tensor:
    """A vector of width `units` from input `x`.

    `attention` and `mixer` follow an image's convolutions; tokens go through `mixer`.
    """
    if field.kind == "image":
        x = convolve(x, field, name, [attention, mixer])
        return keras.layers.Dense(units, activation="relu", name=f"{name}_dense")(x)
    if field.kind == "tokens":
        return _tokens(x, field, units, name, mixer)
    return _vector(x, field, units, name)


def convolve(x: Tensor, field: Field, name: str, after: list[keras.layers.Layer | None]) -> Tensor:
    """A vector of all positions of an image's last map, which the layers `after` have changed."""
    if field.dtype == "uint8":
        x = keras.layers.Rescaling(1 / 255, name=f"{name}_rescaling")(x)
    else:
        x = keras.layers.BatchNormalization(name=f"{name}_normalization")(x)
    side, filters, block = max(field.shape[:2]), 12, 0
    while side > GRID or block == 0:
        x = keras.layers.Conv2D(
            filters, 3, padding="same", activation="relu", name=f"{name}_conv_{block}"
        )(x)
        x = keras.layers.MaxPooling2D(2, padding="same", name=f"{name}_pool_{block}")(x)
        side, filters, block = (side + 1) // 2, min(2 * filters, 48), block + 1
    x = keras.layers.Conv2D(
        filters, 3, padding="same", activation="relu", name=f"{name}_conv_{block}"
    )(x)
    for layer in after:
        x = x if layer is None else layer(x)
    return keras.layers.Flatten(name=f"{name}_flatten")(x)


def _tokens(
    x: Tensor, field: Field, units: int, name: str, mixer: keras.layers.Layer | None
) -> Tensor:
    x = keras.layers.Embedding(field.vocabulary_size, 64, mask_zero=True, name=f"{name}_embedding")(
        x
    )
    if mixer is None:
        return layers.MinGRU(units, name=f"{name}_min_gru")(x)
    pooled = keras.layers.GlobalAveragePooling1D(name=f"{name}_pool")(mixer(x))
    return keras.layers.Dense(units, activation="relu", name=f"{name}_dense")(pooled)


def _vector(x: Tensor, field: Field, units: int, name: str) -> Tensor:
    x = keras.layers.BatchNormalization(name=f"{name}_normalization")(x)
    return keras.layers.Dense(units, activation="relu", name=f"{name}_dense")(x)
