"""Small encoders of images, of columns of ids, and of vectors that are not normalised yet."""

import math

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning.fields import Field

# Images are halved until their longer side is at most this: what is left of the positions goes into
# the vector, which questions about places need and global pooling would lose.
GRID = 8
# Keras's 0.99 forgets the initial statistics after hundreds of batches, of which a short training
# on little data has some dozens. With this they are gone after twenty.
MOMENTUM = 0.8
# The widest embedding of a column.
WIDEST = 16


def normalize(x: Tensor, field: Field, name: str) -> Tensor:
    """The input with a mean of zero and a variance of one, if it is not so already."""
    if field.normalized:
        return x
    return keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_normalization")(x)


def convolve(x: Tensor, field: Field, name: str, after: list[keras.layers.Layer | None]) -> Tensor:
    """A vector of all positions of an image's last map, which the layers `after` have changed."""
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

    Columns of one width share a table, in which each has rows of its own: thousands of columns are
    as few layers as there are widths.
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
    """The width of the embedding of a column with that many ids."""
    return min(WIDEST, math.ceil(1.6 * size**0.56))
