"""Linear attention whose memory decays by gates of the input."""

from typing import Any

from keras_hadamard._checks import positive_int
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers.pairwise._gated_heads import GatedHeads


@serializable
class GatedLinearAttention(GatedHeads):
    """Gated linear attention (GLA): a memory of keys and values, each key channel with its decay.

    `y_t = W_o (norm(q_t S_t) * silu(W_g x_t)) with S_t = a_t * S_(t-1) + k_t v_t` for each head,
    `a_t = sigmoid(W_2 W_1 x_t + b)^(1 / gate_normalizer)`, `q_t = W_q x_t / sqrt(key_dim)`,
    `k_t = W_k x_t` and `v_t = W_v x_t`. `S` is `(key_dim, value_dim)`, `k_t v_t` an outer product
    and `a_t` the decay of its rows; `W_1` is `(features, gate_rank)`. Time and memory are linear in
    the length.

    Args:
        heads: Integer, the number of heads. Defaults to `4`.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`, half of
            `features / heads`.
        value_dim: Integer, the width of a head's values. Defaults to `None`, `features / heads`.
        gate_rank: Integer, the rank of the decays' projection. Defaults to `16`.
        gate_normalizer: Number, the root that is taken of the decays: with a higher one the layer
            remembers longer. Defaults to `16.0`.
        output_norm: One of `"rms"`, `"layer"` and `None`, the normalisation of what each head
            reads, with one scale for all heads. Defaults to `"rms"`, as in the public code; the
            paper has `"layer"`.
        output_gate: Name or function of the gate of the output, `None` for none. Defaults to
            `"silu"`.
        **kwargs: Arguments of every sequence mixer (`return_state`, `chunk`, the steps that are
            computed at once, by default 64), of the projections (`use_bias`, by default off,
            `kernel_initializer`, `bias_initializer`, their regularizers and constraints, as
            `keras.layers.Dense` has them) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor `(batch, heads, key_dim, value_dim)`, or a list of it. Defaults to
            `None`, zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        As the input; with `return_state` a tuple of it and the state
        `(batch, heads, key_dim, value_dim)`.

    Weights:
        `features * heads * (2 * key_dim + 3 * value_dim) + value_dim
        + gate_rank * (features + heads * key_dim) + heads * key_dim`, by default with
        `key_dim` = `features / heads / 2` and `value_dim` = `features / heads`.

    Masking:
        A masked position carries the state unchanged. The mask is passed on.

    Numerics:
        Decays, state, normalisation and gate are float32 under 16-bit policies. See
        `keras_hadamard.ops.gated_linear_attention`: nothing is divided by products of decays.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, or the
            input, the initial state or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> layer = keras_hadamard.layers.GatedLinearAttention(heads=2, return_state=True)
    >>> y, state = layer(x)
    >>> y.shape, state.shape
    (TensorShape([2, 9, 8]), TensorShape([2, 2, 2, 4]))

    Reference:
        - [Gated Linear Attention Transformers with Hardware-Efficient Training (Yang et al.,
          2023)](https://arxiv.org/abs/2312.06635)
    """

    key_share = 0.5

    def __init__(
        self,
        heads: int = 4,
        key_dim: int | None = None,
        value_dim: int | None = None,
        gate_rank: int = 16,
        gate_normalizer: float = 16.0,
        output_norm: str | None = "rms",
        output_gate: Activation = "silu",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            heads, key_dim, value_dim, gate_normalizer, output_norm, output_gate, **kwargs
        )
        self.gate_rank = positive_int("gate_rank", gate_rank)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.decay_down = self.project(
            self.gate_rank, "decay_down", use_bias=False, input_shape=input_shape
        )
        self.decay_up = self.project(
            self.heads * self.sizes(self._width)[0],
            "decay_up",
            use_bias=True,
            input_shape=(*input_shape[:-1], self.gate_rank),
        )

    def decay_gates(self, x: Tensor) -> Tensor:
        return self.decay_up(self.decay_down(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gate_rank": self.gate_rank}
