"""The two dense layers that follow a mixer in a block."""

from typing import Any, Unpack

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer


@serializable
class FeedForward(BaseLayer):
    """`W_2 act(W_1 x)`, with `expansion` times as many hidden units as features."""

    def __init__(
        self,
        expansion: int = 4,
        activation: Activation = "gelu",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.expansion = positive_int("expansion", expansion)
        self.activation = get_activation(activation)

    def build(self, input_shape: Shape) -> None:
        width = input_shape[-1] or 0
        hidden = self.expansion * width
        self.hidden_projection = self.project(hidden, "hidden_projection", input_shape=input_shape)
        self.output_projection = self.project(
            width, "output_projection", input_shape=(*input_shape[:-1], hidden)
        )

    def call(self, inputs: Tensor) -> Tensor:
        hidden = self.activation(self.hidden_projection(inputs))
        return self.output_projection(hidden)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expansion": self.expansion,
            "activation": serialize_activation(self.activation),
        }
