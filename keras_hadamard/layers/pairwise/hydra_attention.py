"""Hydra attention: as many heads as features."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer, StateArguments
from keras_hadamard.ops import gated_scan

# The smallest squared norm, as in `keras.layers.UnitNormalization`.
EPSILON = 1e-12


@serializable
class HydraAttention(SequenceMixer):
    """Hydra attention: linear attention with as many heads as features, as three Hadamard products.

    `y_t = W_o (q_t * s) + b_o with s = sum_t(k_t * v_t)`, where `q_t` and `k_t` are `W_q x_t + b_q`
    and `W_k x_t + b_k` divided by their Euclidean norms over the features, `v_t = W_v x_t + b_v`,
    and the sum is over all positions or, `causal`, over those up to `t`. Kernels are
    `(features, features)`.

    Args:
        causal: Boolean, whether positions see only earlier ones and themselves. Defaults to
            `False`, as in the paper.
        **kwargs: Arguments of every sequence mixer (`return_state`), of the projections
            (`use_bias`, `kernel_initializer`, `bias_initializer`, their regularizers and
            constraints, as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor `(batch, features)`, or a list of it, if `causal`. Defaults to `None`,
            zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        The shape of the input; with `return_state` a tuple of it and the sum `(batch, features)`.

    Weights:
        `4 * (features + 1) * features`.

    Masking:
        A masked position has no effect; where causal, it carries the sum unchanged. The mask is
        passed on.

    Numerics:
        Norms and sums are float32 under 16-bit policies. Norms have a lower bound of 1e-6, so
        queries and keys of zero stay zero.

    Raises:
        ValueError: If a state is requested from a layer that is not causal, or the input, the
            initial state or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.HydraAttention()(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Hydra Attention: Efficient Attention with Many Heads (Bolya et al., 2022)](
          https://arxiv.org/abs/2209.07484)
    """

    def __init__(self, causal: bool = False, **kwargs: Unpack[StateArguments]) -> None:
        super().__init__(causal=causal, **kwargs)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.query_projection, self.key_projection, self.value_projection = (
            self.project(self._width, f"{name}_projection", input_shape=input_shape)
            for name in ("query", "key", "value")
        )
        self.output_projection = self.project(
            self._width, "output_projection", input_shape=input_shape
        )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, states, mask = self.enter(inputs, initial_state, mask)
        dtype = self.state_dtype
        q = ops.cast(self.query_projection(x), dtype)
        k = ops.cast(self.key_projection(x), dtype)
        v = ops.cast(self.value_projection(x), dtype)
        pairs, weights = k * v, inverse_norm(k)
        if mask is not None:
            pairs = ops.where(mask[..., None], pairs, ops.zeros_like(pairs))
        if self.causal:
            total = gated_scan(ops.ones_like(pairs), pairs * weights, states[0])
            states = [total[:, -1]]
        else:
            # As a matrix product, the weighted sum needs no further tensor as large as the input.
            total = ops.matmul(ops.transpose(weights, (0, 2, 1)), pairs)
        output = ops.cast(q * total * inverse_norm(q), self.compute_dtype)
        return self.leave(self.output_projection(output), states)

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        return [(width,)] if self.causal else []


def inverse_norm(x: Tensor) -> Tensor:
    """One divided by the Euclidean norm over the features."""
    return ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), EPSILON))
