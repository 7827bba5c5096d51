"""Attention of a sequence to itself, as a token mixer."""

from typing import Any

import keras

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer


@serializable
class SelfAttention(KernelFreeLayer):
    """`keras.layers.MultiHeadAttention` of an input to itself, as wide as the input."""

    def __init__(self, heads: int = 4, causal: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = positive_int("heads", heads)
        self.causal = bool(causal)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        width = max(1, (input_shape[-1] or 0) // self.heads)
        self.attention = keras.layers.MultiHeadAttention(
            self.heads, width, dtype=self.dtype_policy, name="attention"
        )
        self.attention.build(input_shape, input_shape)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.attention(
            inputs,
            inputs,
            query_mask=mask,
            value_mask=mask,
            key_mask=mask,
            use_causal_mask=self.causal,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "causal": self.causal}
