"""Base class of activations that are polynomials with learnt coefficients."""

from typing import Any, Unpack

import keras

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.typing import BaseArguments, Shape
from keras_hadamard.layers._kernel_free import KernelFreeLayer


class PowersLayer(KernelFreeLayer):
    """Base of the polynomial activations: the degree, the coefficients and the shape."""

    def __init__(self, degree: int, **kwargs: Unpack[BaseArguments]) -> None:
        super().__init__(**kwargs)
        self.degree = positive_int("degree", degree)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        # Never rounded to 16 bits: there are only a few of them.
        self.coefficients = self.add_weight(
            name="coefficients",
            shape=(self.degree,),
            initializer=keras.initializers.Constant(1 / self.degree),
            autocast=False,
        )
        self.bias = self.add_weight(name="bias", shape=(), initializer="zeros", autocast=False)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise received("an input (batch, ..., width) of known width", shape=tuple(input_shape))
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "degree": self.degree}
