"""The polynomial form of self-attention."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import apply_mask


@serializable
class PolySelfAttention(BaseLayer):
    """Polynomial self-attention (Poly-SA): products of query, key and value at a linear cost.

    `y_n = W_o (p_n * q_n * norm(sum_m w_m (k_m * v_m)))` with `[q, k, v] = W_qkv x`, separately for
    each head of `features / heads` channels; `p` and `w` are learned numbers of each head and
    position, and `norm` is layer normalisation. A third-degree polynomial instead of the softmax
    over all pairs. The authors' code is not public; this is the form of a published comparison.

    The layer supports only the length that it is built with.

    Args:
        heads: Integer, a divisor of the features. Defaults to `1`.
        position_initializer: Initialiser of `p` and `w`. Defaults to `"ones"`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor `(batch, positions)`. Defaults to `None`.

    Input shape:
        `(batch, positions, features)`, the positions known.

    Output shape:
        The shape of the input.

    Weights:
        `4 * features * (features + 1) + 2 * heads * positions + 2 * features / heads`.

    Masking:
        Masked positions have no effect in the sum. Their own output is that of zeros. The mask is
        passed on.

    Numerics:
        Products, sum and normalisation are float32 under 16-bit policies.

    Raises:
        ValueError: If the heads do not divide the features, or the input has another length than
            the layer was built with.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.PolySelfAttention(heads=2)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Linear Complexity Self-Attention with 3rd Order Polynomials (Babiloni et al., 2023)](
          https://doi.org/10.1109/TPAMI.2022.3231971)
    """

    def __init__(
        self,
        heads: int = 1,
        position_initializer: Initializer = "ones",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.heads = positive_int("heads", heads)
        self.position_initializer = keras.initializers.get(position_initializer)
        self._length: int | None = None
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        _, self._length, features = input_shape
        if features is None or features % self.heads:
            raise received(f"`heads` to divide the {features} features", heads=self.heads)
        self.projection = self.project(features, "projection", blocks=3, input_shape=input_shape)
        self.output_projection = self.project(
            features, "output_projection", input_shape=input_shape
        )
        self.pooling, self.position = (
            self.add_weight(
                name=name,
                shape=(self._length, self.heads),
                initializer=self.position_initializer,
                autocast=False,
            )
            for name in ("pooling", "position")
        )
        self.norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=accumulation_dtype(self.compute_dtype), name="norm"
        )
        self.norm.build((None, self.heads, features // self.heads))

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        self.compute_output_shape(inputs.shape)
        x = ops.cast(self.projection(apply_mask(inputs, mask)), self.norm.compute_dtype)
        heads = (-1, self._length, self.heads, inputs.shape[-1] // self.heads)
        query, key, value = (ops.reshape(part, heads) for part in ops.split(x, 3, axis=-1))
        pairs = apply_mask(key * value, None if mask is None else ops.expand_dims(mask, -1))
        pooled = self.norm(ops.sum(pairs * self.pooling[:, :, None], axis=1, keepdims=True))
        mixed = query * self.position[:, :, None] * pooled
        mixed = ops.reshape(mixed, (-1, *inputs.shape[1:]))
        return self.output_projection(ops.cast(mixed, self.compute_dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3 or None in input_shape[1:]:
            raise received("an input (batch, positions, features), both known", shape=input_shape)
        if self._length not in (None, input_shape[1]):
            raise received(f"the {self._length} positions it was built for", shape=input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "position_initializer": keras.initializers.serialize(self.position_initializer),
        }
