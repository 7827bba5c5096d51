"""Base class of dense layers that multiply by something made of their kernel."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._checks import positive_int, received
from keras_hadamard._typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._keras_layer import KerasLayer


class DenseArguments(ProjectionArguments, total=False):
    """Further arguments of `keras.layers.Dense`."""

    lora_rank: int | None
    lora_alpha: float | None
    quantization_config: Any


class ReparametrizedDense(KerasLayer, keras.layers.Dense):
    """Base of dense layers with another kernel: the activation's name, and the output's shape."""

    def __init__(
        self, units: int, activation: Activation = None, **kwargs: Unpack[DenseArguments]
    ) -> None:
        activation = get_activation(activation)
        super().__init__(positive_int("units", units), activation=activation, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise received("an input (batch, ..., width) of known width", shape=input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": serialize_activation(self.activation)}


def affine(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """`x @ kernel + bias`, without the sum where there is no bias."""
    y = ops.matmul(x, kernel)
    return y if bias is None else ops.add(y, bias)
