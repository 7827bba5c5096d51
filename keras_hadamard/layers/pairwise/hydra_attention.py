"""Hydra attention: as many heads as features."""

from typing import Any

from keras import ops

from keras_hadamard._export import serializable
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer
from keras_hadamard.ops import gated_scan

# The least square of a norm, as `keras.layers.UnitNormalization` has it.
EPSILON = 1e-12


@serializable
class HydraAttention(SequenceMixer):
    """Hydra attention: linear attention of as many heads as features, three Hadamard products.

    `y_t = W_o (q_t * s) + b_o with s = sum_t(k_t * v_t)`, where `q_t` and `k_t` are `W_q x_t + b_q`
    and `W_k x_t + b_k` divided by their Euclidean norms over the features, `v_t = W_v x_t + b_v`,
    and the sum is over all positions or, `causal`, over those up to `t`. Kernels are
    `(features, features)`.

    Args:
        causal: Boolean, whether a position sees those up to it alone. Defaults to `False`, as in
            the paper.
        **kwargs: Arguments of every sequence mixer (`return_state`), of the projections
            (`use_bias`, `kernel_initializer`, `bias_initializer`, their regularizers and
            constraints, as `keras.layers.Dense` has them) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor `(batch, features)`, or a list of it, where `causal`. Defaults to
            `None`, zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        As the input; with `return_state` a tuple of it and the sum `(batch, features)`.

    Weights:
        `4 * (features + 1) * features`.

    Masking:
        A masked position takes no part; where causal, it carries the sum unchanged. The mask is
        passed on.

    Numerics:
        Norms and sums are float32 under 16-bit policies. Those below 1e-6
        count as that, so queries and keys of zero stay zero.

    Raises:
        ValueError: If a state is asked of a layer that is not causal, or the input, the initial
            state or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.HydraAttention()(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Hydra Attention: Efficient Attention with Many Heads (Bolya et al., 2022)](
          https://arxiv.org/abs/2209.07484)
    """

    def __init__(self, causal: bool = False, **kwargs: Any) -> None:
        super().__init__(causal=causal, **kwargs)

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        return [(width,)] if self.causal else []

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.query_projection, self.key_projection, self.value_projection = (
            self.project(self._width, f"{name}_projection", input_shape=input_shape)
            for name in ("query", "key", "value")
        )
        self.output_projection = self.project(
            self._width, "output_projection", input_shape=input_shape
        )

    def run(
        self, x: Tensor, states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        q, k, v = (
            ops.cast(projection(x), self.state_dtype)
            for projection in (self.query_projection, self.key_projection, self.value_projection)
        )
        pairs, weights = k * v, _inverse_norm(k)
        if mask is not None:
            pairs = ops.where(mask[..., None], pairs, ops.zeros_like(pairs))
        if self.causal:
            total = gated_scan(ops.ones_like(pairs), pairs * weights, states[0])
            states = [total[:, -1]]
        else:
            # As a matrix product the weighted sum needs no further tensor as large as the input.
            total = ops.matmul(ops.transpose(weights, (0, 2, 1)), pairs)
        read = ops.cast(q * total * _inverse_norm(q), self.compute_dtype)
        return self.output_projection(read), states


def _inverse_norm(x: Tensor) -> Tensor:
    return ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), EPSILON))
