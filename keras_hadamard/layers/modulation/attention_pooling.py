"""Attention pooling of a set of instances."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._masks import apply_mask, masked_softmax
from keras_hadamard.ops import glu


@serializable
class AttentionPooling(BaseLayer):
    """Gated attention pooling: the weighted mean of a set, as in multiple-instance learning.

    `y = sum_k a_k x_k with a = softmax_k(w . (tanh(V x_k + b) * sigmoid(U x_k + c)) + d)`, over the
    instances `k` of a bag: patches of a slide, frames of a film, words of a text. `V` and `U` have
    the shape `(width, hidden_units)`. The weights `a` say which instances the result is from. Each
    of several branches, such as one for each class, has its own `w` and `d`.

    Args:
        hidden_units: Integer, the width of the gated projection. Defaults to `128`.
        branches: Integer, the number of weighted means. Defaults to `1`.
        gated: Boolean, whether there is the gate `sigmoid(U x_k + c)`; without it, this is the
            paper's plain attention. Defaults to `True`.
        dropout: Number in [0, 1), dropout of both factors. Defaults to `0.0`.
        return_weights: Boolean, whether `a` is returned with the output. Defaults to `False`.
        seed: Integer, of the dropout. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`). The paper has no biases, the authors'
            code has.

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to drop.
        mask: Boolean tensor, `(batch, instances)` or the positions of the input. Defaults to
            `None`.

    Input shape:
        `(batch, instances, width)`, or `(batch, ..., width)` with an instance at each position;
        their number may be unknown.

    Output shape:
        `(batch, width)`, or `(batch, branches, width)` for more than one branch. With
        `return_weights` a pair of it and the weights, `(batch, ...)` with the positions of the
        input, or `(batch, branches, ...)`.

    Weights:
        `(1 + gated) * (width + 1) * hidden_units + (hidden_units + 1) * branches`.

    Masking:
        Masked instances have the weight zero; if all are masked, the output is zero. No mask is
        passed on.

    Numerics:
        Gate, softmax and sum are computed in float32 under 16-bit policies. The bias `d` shifts all
        logits of a bag by the same number, so the output does not depend on it.

    Raises:
        ValueError: If an argument is out of range, or the input has no instances or is of unknown
            width.

    Example:

    >>> bag = keras.ops.ones((2, 9, 6))
    >>> y, weights = keras_hadamard.layers.AttentionPooling(4, return_weights=True)(bag)
    >>> y.shape, weights.shape
    (TensorShape([2, 6]), TensorShape([2, 9]))

    Reference:
        - [Attention-based Deep Multiple Instance Learning (Ilse et al., 2018)](
          https://arxiv.org/abs/1802.04712)
        - [Data-efficient and weakly supervised computational pathology on whole-slide images (Lu
          et al., 2021)](https://arxiv.org/abs/2004.09666), several branches
    """

    def __init__(
        self,
        hidden_units: int = 128,
        branches: int = 1,
        gated: bool = True,
        dropout: float = 0.0,
        return_weights: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_units = positive_int("hidden_units", hidden_units)
        self.branches = positive_int("branches", branches)
        self.gated = bool(gated)
        self.dropout = fraction("dropout", dropout)
        self.return_weights = bool(return_weights)
        self.seed = seed
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        instances = (input_shape[0], None, input_shape[-1])
        hidden = (*instances[:-1], self.hidden_units)
        self.value_projection = self.project(
            self.hidden_units, "value_projection", input_shape=instances
        )
        if self.gated:
            self.gate_projection = self.project(
                self.hidden_units, "gate_projection", input_shape=instances
            )
        self.score_projection = self.project(self.branches, "score_projection", input_shape=hidden)
        self.drop = keras.layers.Dropout(
            self.dropout, seed=self.seed, dtype=self.dtype_policy, name="drop"
        )

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Any:
        self.compute_output_shape(tuple(inputs.shape))
        _, *positions, width = ops.shape(inputs)
        x = ops.reshape(inputs, (-1, _product(positions), width))
        if mask is not None:
            mask = ops.reshape(mask, (-1, ops.shape(x)[1]))
            x = apply_mask(x, mask)
        hidden = ops.tanh(self.value_projection(x))
        if self.gated:
            # Dropping one factor twice as one after the other drops either of the two.
            hidden = dropped(self.drop, hidden, training)
            hidden = glu(hidden, self.gate_projection(x), activation="sigmoid")
        hidden = dropped(self.drop, hidden, training)
        dtype = accumulation_dtype(self.compute_dtype)
        scores = ops.cast(self.score_projection(hidden), dtype)
        valid = None if mask is None else ops.cast(mask, "bool")[..., None]
        a = masked_softmax(scores, valid, 1)
        y = ops.einsum("bnk,bnd->bkd", a, ops.cast(x, dtype))
        y = ops.cast(y, self.compute_dtype)
        y = y[:, 0] if self.branches == 1 else y
        if not self.return_weights:
            return y
        branches = () if self.branches == 1 else (self.branches,)
        a = ops.reshape(ops.swapaxes(a, 1, 2), (-1, *branches, *positions))
        return [y, ops.cast(a, self.compute_dtype)]

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Any:
        if len(input_shape) < 3 or input_shape[-1] is None:
            raise received("(batch, instances, width) of known width", shape=tuple(input_shape))
        batch, *positions, width = input_shape
        branches = () if self.branches == 1 else (self.branches,)
        y = (batch, *branches, width)
        return [y, (batch, *branches, *positions)] if self.return_weights else y

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "branches": self.branches,
            "gated": self.gated,
            "dropout": self.dropout,
            "return_weights": self.return_weights,
            "seed": self.seed,
        }


def _product(sizes: list[Any]) -> Any:
    """The product of sizes, of which one or more may be tensors."""
    total = 1
    for size in sizes:
        total = total * size
    return total
