"""Dropout that is skipped where it has no effect."""

import keras

from keras_hadamard._core.typing import Tensor


def dropped(drop: keras.layers.Dropout, x: Tensor, training: bool | None) -> Tensor:
    """`x` after a dropout, which is called only in training, and only if its rate is above 0.

    Within a `keras.RematScope` Keras's dropout fails in graphs.
    """
    return drop(x, training=training) if training and drop.rate else x
