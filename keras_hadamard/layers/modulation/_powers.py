"""The coefficients of activations that are polynomials."""

from typing import Any

import keras

from keras_hadamard.layers._kernel_free import KernelFreeLayer


def add_coefficients(layer: KernelFreeLayer, degree: int) -> tuple[Any, Any]:
    """One for each power, the highest first, and the constant.

    They are never rounded to 16 bits: there are only a few of them.
    """
    return (
        layer.add_weight(
            name="coefficients",
            shape=(degree,),
            initializer=keras.initializers.Constant(1 / degree),
            autocast=False,
        ),
        layer.add_weight(name="bias", shape=(), initializer="zeros", autocast=False),
    )
