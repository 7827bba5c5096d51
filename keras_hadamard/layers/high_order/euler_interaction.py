"""Products of complex fields with learned exponents."""

import math
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._masks import all_of, apply_mask
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.high_order._fields import field_shape

# Squares below this are no magnitude: the phase of such a number is zero.
TINY = 1e-30


@serializable
class EulerInteraction(BaseLayer):
    """Products of powers of complex fields, beside a dense layer (EulerNet).

    `z_(n,w) = exp(b_(n,w) + i c_(n,w)) prod_f x_(f,w)^(A_(f,n))` for the complex fields
    `x = r + i p` and `units` products: in polar form, the logarithms of the magnitudes and the
    phases are summed with the exponents `A`, real numbers that are learned and may be negative. The
    outputs are `r' = relu(W r + d) + Re z` and `p' = relu(W p + d) + Im z`, where `W` maps all
    fields to all products and is the same for both.

    Args:
        units: Integer, the number of fields of the outputs.
        normalize: Boolean, whether each output is followed by a layer normalisation over the width.
            Defaults to `False`.
        dropout: Float, the rate of the dropout of the inputs of `W`. Defaults to `0.0`.
        product_dropout: Float, the rate of the dropout of the logarithms and of the phases.
            Defaults to `0.0`.
        seed: Integer, for the dropouts. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[r, p]` of the real and imaginary parts.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        Two tensors `(batch, fields, width)`.

    Output shape:
        Two tensors `(batch, units, width)`.

    Weights:
        `positions * units * (width**2 + 1) + 3 * units * width`, where `positions` are the fields;
        `2 * width` more for each of two normalisations with `normalize`.

    Masking:
        A field that is masked in one of the inputs counts as one in the product, and as zero in the
        dense layer. No mask is passed on.

    Numerics:
        The products are float32 under 16-bit policies. Magnitudes get 1e-8 added to their square.
        Negative exponents of small magnitudes give large numbers and larger gradients, and a phase
        jumps where it passes half a turn.

    Raises:
        ValueError: If an argument is out of range, the inputs are not two tensors of the same
            shape, there are fewer than two fields or their shapes are unknown.

    Example:

    >>> r, p = keras.ops.ones((4, 3, 8)), keras.ops.ones((4, 3, 8))
    >>> r, p = keras_hadamard.layers.EulerInteraction(5)([r, p])
    >>> r.shape
    TensorShape([4, 5, 8])

    Reference:
        - [EulerNet: Adaptive Feature Interaction Learning via Euler's Formula for CTR Prediction
          (Tian et al., 2023)](https://arxiv.org/abs/2304.10711)
    """

    def __init__(
        self,
        units: int,
        normalize: bool = False,
        dropout: float = 0.0,
        product_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = positive_int("units", units)
        self.normalize = bool(normalize)
        self.dropout = fraction("dropout", dropout)
        self.product_dropout = fraction("product_dropout", product_dropout)
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        _, fields, width = self._checked(input_shape)
        self.orders = self.add_weight(
            name="kernel",
            shape=(fields, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.log_bias, self.phase_bias = None, None
        if self.use_bias:
            self.log_bias, self.phase_bias = (
                self.add_weight(
                    name=name,
                    shape=(self.units, width),
                    initializer=self.bias_initializer,
                    regularizer=self.bias_regularizer,
                    constraint=self.bias_constraint,
                )
                for name in ("log_bias", "phase_bias")
            )
        self.dense = self.project(
            self.units * width, "dense", activation="relu", input_shape=(None, fields * width)
        )
        self.norms = [
            normalization(
                "layer" if self.normalize else None,
                name,
                policy=self.dtype_policy,
                input_shape=(None, self.units, width),
            )
            for name in ("real_norm", "imaginary_norm")
        ]
        self.drops = [
            keras.layers.Dropout(rate, seed=self.seed, dtype=dtype)
            for rate, dtype in (
                (self.dropout, self.dtype_policy),
                (self.product_dropout, accumulation_dtype(self.compute_dtype)),
            )
        ]

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> list[Tensor]:
        valid = all_of(mask)
        r, p = (apply_mask(x, valid) for x in inputs)
        outputs = []
        products = self._products(r, p, valid, training)
        for x, product, norm in zip((r, p), products, self.norms, strict=True):
            flat = ops.reshape(x, (-1, x.shape[1] * x.shape[2]))
            linear = self.dense(dropped(self.drops[0], flat, training))
            linear = ops.reshape(linear, (-1, self.units, x.shape[2]))
            outputs.append(norm(linear + ops.cast(product, linear.dtype)))
        return outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> list[None]:
        return [None, None]

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, _, width = self._checked(input_shape)
        return [(batch, self.units, width)] * 2

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "normalize": self.normalize,
            "dropout": self.dropout,
            "product_dropout": self.product_dropout,
            "seed": self.seed,
        }

    def _products(
        self, r: Tensor, p: Tensor, valid: Tensor | None, training: bool | None
    ) -> tuple[Tensor, Tensor]:
        dtype = accumulation_dtype(self.compute_dtype)
        r, p = ops.cast(r, dtype), ops.cast(p, dtype)
        squares = r * r + p * p
        logs = 0.5 * ops.log(squares + 1e-8)
        # The phase of zero has no gradient: it is that of one.
        nothing = squares < TINY
        zero, one = ops.zeros_like(p), ops.ones_like(r)
        phases = ops.arctan2(ops.where(nothing, zero, p), ops.where(nothing, one, r))
        # Minus zero is zero: both have the phase of half a turn, not one of them its opposite.
        turn = ops.where(ops.logical_and(p == 0, phases < 0), one, zero)
        phases = phases + 2 * math.pi * turn
        logs = apply_mask(logs, valid)
        orders = ops.transpose(ops.cast(self.orders, dtype))
        logs, phases = (
            ops.matmul(orders, dropped(self.drops[1], x, training)) for x in (logs, phases)
        )
        if self.log_bias is not None and self.phase_bias is not None:
            logs = logs + ops.cast(self.log_bias, dtype)
            phases = phases + ops.cast(self.phase_bias, dtype)
        magnitudes = ops.exp(logs)
        return magnitudes * ops.cos(phases), magnitudes * ops.sin(phases)

    def _checked(self, input_shape: Any) -> tuple[int | None, int, int]:
        shapes = [tuple(s) if isinstance(s, list | tuple) else (s,) for s in input_shape]
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise received(
                f"`{type(self).__name__}` to be called on a list [r, p] of two tensors of the same "
                "shape",
                shapes=input_shape,
            )
        return field_shape(type(self).__name__, shapes[0])
