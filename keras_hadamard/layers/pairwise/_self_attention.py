"""Attention over all pixels, for the last stages of EfficientMod."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.pairwise._softmax_attention import softmax_attention


@serializable
class SelfAttention2D(BaseLayer):
    """Dot-product attention of `heads` over the pixels of (batch, height, width, channels).

    A head has an equal share of the channels, but at least `smallest`. Queries, keys and values are
    one projection without a bias.
    """

    def __init__(
        self, heads: int = 8, smallest: int = 32, **kwargs: Unpack[ProjectionArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.heads = positive_int("heads", heads)
        self.smallest = positive_int("smallest", smallest)

    def build(self, input_shape: Shape) -> None:
        *positions, channels = input_shape
        self.units = max((channels or 0) // self.heads, self.smallest)
        width = self.heads * self.units
        self.input_projection = self.project(
            width, "input_projection", use_bias=False, blocks=3, input_shape=input_shape
        )
        self.output_projection = self.project(
            channels or 0, "output_projection", input_shape=(*positions, width)
        )

    def call(self, inputs: Tensor) -> Tensor:
        batch, height, width = ops.shape(inputs)[:3]
        x = self.input_projection(inputs)
        x = ops.reshape(x, (batch, height * width, 3, self.heads, self.units))
        query, key, value = ops.unstack(ops.transpose(x, (2, 0, 3, 1, 4)), 3)
        y = softmax_attention(query, key, value)
        y = ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (batch, height, width, -1))
        return self.output_projection(y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "smallest": self.smallest}
