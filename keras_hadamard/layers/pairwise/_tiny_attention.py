"""The small attention of one head that aMLP adds to a gate."""

from typing import Unpack

from keras import ops

from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import apply_mask
from keras_hadamard.layers.pairwise._softmax_attention import softmax_attention


class TinyAttention(BaseLayer):
    """`W_o softmax(q k / sqrt(width)) v` with `[q, k, v] = W x`, where only `W_o` has a bias."""

    def __init__(
        self, width: int, units: int, causal: bool, **kwargs: Unpack[ProjectionArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.units = units
        self.causal = causal
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.projection = self.project(
            self.width, "projection", blocks=3, use_bias=False, input_shape=input_shape
        )
        self.output_projection = self.project(
            self.units, "output_projection", input_shape=(*input_shape[:-1], self.width)
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        inputs = apply_mask(inputs, mask)
        query, key, value = ops.split(self.projection(inputs), 3, axis=-1)
        seen = None if mask is None else ops.expand_dims(mask, 1)
        if self.causal:
            position = ops.arange(ops.shape(inputs)[1])
            before = position <= ops.expand_dims(position, 1)
            seen = before if seen is None else ops.logical_and(seen, before)
        return self.output_projection(softmax_attention(query, key, value, seen))
