"""The factorisation machine with attention over pairs."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers.high_order._fields import field_shape, stacked
from keras_hadamard.ops._pairs import attended_products, pair_indices


@serializable
class AttentionalFactorizationMachine(BaseLayer):
    """Products of all pairs of fields, weighted by attention and projected (AFM).

    `y = P sum_(i<j) a_(ij) (x_i * x_j) + d with a = softmax_(ij)(h . relu(W (x_i * x_j) + b) + c)`,
    where `W` is `(width, attention_units)`.

    The paper has only the bias `b`; public code has `c` and `d` too, like this layer. `c` shifts
    all scores equally and so has no effect.

    Args:
        attention_units: Integer, the width of the attention.
        units: Integer, the width of the output, or `None` for the weighted sum itself. Defaults to
            `1`.
        attention_dropout: Float, the rate of the dropout of the weights. Defaults to `0.0`.
        dropout: Float, the rate of the dropout of the weighted sum. Defaults to `0.0`.
        seed: Integer, for the dropouts. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of tensors, one per field.
        training: Boolean, whether the dropouts are active.

    Input shape:
        `(batch, fields, width)`, or a list of `(batch, width)`.

    Output shape:
        `(batch, units)`, with `units=None` `(batch, width)`.

    Weights:
        `attention_units * (width + 2) + (width + 1) * units + 1`.

    Masking:
        Pairs with a masked field have weight zero. No mask is passed on.

    Numerics:
        The softmax is float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, there are fewer than two fields or their shapes
            are unknown or differ.

    Example:

    >>> x = keras.ops.ones((4, 3, 8))
    >>> keras_hadamard.layers.AttentionalFactorizationMachine(5)(x).shape
    TensorShape([4, 1])

    Reference:
        - [Attentional Factorization Machines (Xiao et al., 2017)](
          https://arxiv.org/abs/1708.04617)
    """

    def __init__(
        self,
        attention_units: int,
        units: int | None = 1,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.attention_units = positive_int("attention_units", attention_units)
        self.units = None if units is None else positive_int("units", units)
        self.attention_dropout = fraction("attention_dropout", attention_dropout)
        self.dropout = fraction("dropout", dropout)
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        *_, width = field_shape(type(self).__name__, input_shape)
        self.attention = self.project(
            self.attention_units, "attention", activation="relu", input_shape=(None, width)
        )
        self.score = self.project(1, "score", input_shape=(None, self.attention_units))
        self.output_projection = None
        if self.units is not None:
            self.output_projection = self.project(
                self.units, "output_projection", input_shape=(None, width)
            )
        self.dropouts = [
            keras.layers.Dropout(rate, seed=self.seed, dtype=self.dtype_policy)
            for rate in (self.attention_dropout, self.dropout)
        ]

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Tensor:
        x = stacked(inputs, mask)
        products = attended_products(x)
        scores = self.score(self.attention(products))
        scores = ops.cast(scores, accumulation_dtype(self.compute_dtype))
        if mask is not None and not isinstance(mask, list | tuple):
            left, right = (ops.take(mask, i, axis=1) for i in pair_indices(x.shape[1]))
            valid = ops.expand_dims(ops.logical_and(left, right), -1)
            scores = ops.where(valid, scores, -1e30)
        weights = ops.cast(ops.softmax(scores, axis=1), self.compute_dtype)
        drop_weights, drop_sum = self.dropouts
        y = ops.sum(dropped(drop_weights, weights, training) * products, axis=1)
        y = dropped(drop_sum, y, training)
        return y if self.output_projection is None else self.output_projection(y)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, _, width = field_shape(type(self).__name__, input_shape)
        return (batch, width if self.units is None else self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "attention_units": self.attention_units,
            "units": self.units,
            "attention_dropout": self.attention_dropout,
            "dropout": self.dropout,
            "seed": self.seed,
        }
