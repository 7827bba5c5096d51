"""Dense layers whose kernel is changed before it is used."""

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import positive_int, received
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._keras_layer import KerasLayer


class ChangedKernelDense(KerasLayer, keras.layers.Dense):
    """Base of dense layers that multiply by something made of their kernel."""

    def __init__(self, units: int, activation: Activation = None, **kwargs: Any) -> None:
        activation = get_activation(activation)
        super().__init__(positive_int("units", units), activation=activation, **kwargs)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        super().build(input_shape)

    @abstractmethod
    def changed(self, kernel: Tensor, training: bool | None) -> Tensor:
        """What stands in for the kernel."""

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = ops.matmul(inputs, self.changed(self.kernel, training))
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise received("an input (batch, ..., width) of known width", shape=input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": serialize_activation(self.activation)}
