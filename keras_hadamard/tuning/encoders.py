"""Small encoders of images, of columns of ids, and of vectors that are not normalised yet."""

import math

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning.fields import Field

# Images are halved until their longer side is at most this. The remaining positions go into the
# vector: questions about places need them, and global pooling would lose them.
GRID = 8
# With Keras's 0.99, the initial statistics vanish after hundreds of batches, but a short training
# on little data has only some dozens. With this value, they vanish after twenty.
MOMENTUM = 0.8
# The widest embedding of a column.
WIDEST = 16


def normalize(x: Tensor, field: Field, name: str) -> Tensor:
    """The input normalised to mean zero and variance one, if it is not normalised already."""
    if field.normalized:
        return x
    return keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_normalization")(x)


def convolve(x: Tensor, field: Field, name: str, after: list[keras.layers.Layer | None]) -> Tensor:
    """A vector of all positions of an image's last map, changed by the layers `after`."""
    if field.dtype == "uint8":
        x = keras.layers.Rescaling(1 / 255, name=f"{name}_rescaling")(x)
    else:
        x = normalize(x, field, name)
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


def embed(x: Tensor, field: Field, name: str) -> Tensor:
    """A vector of the embeddings of all columns of ids.

    Columns of one width share a table with separate rows for each column: thousands of columns need
    only one layer per width.
    """
    columns: dict[int, list[int]] = {}
    for column, size in enumerate(field.vocabulary_sizes):
        columns.setdefault(embedding_width(size), []).append(column)
    embedded = []
    for width, chosen in sorted(columns.items()):
        sizes = [field.vocabulary_sizes[column] for column in chosen]
        first_rows = np.cumsum([0, *sizes[:-1]]).astype("int32")
        rows = ops.take(x, np.asarray(chosen, "int32"), axis=1) + first_rows
        table = keras.layers.Embedding(sum(sizes), width, name=f"{name}_embedding_{width}")
        flat = keras.layers.Flatten(name=f"{name}_flatten_{width}")
        embedded.append(flat(table(rows)))
    if len(embedded) == 1:
        return embedded[0]
    return keras.layers.Concatenate(name=f"{name}_concatenate")(embedded)


def embedding_width(size: int) -> int:
    """The width of the embedding of a column with a number of ids."""
    return min(WIDEST, math.ceil(1.6 * size**0.56))
