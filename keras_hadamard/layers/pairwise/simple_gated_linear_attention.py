"""Linear attention whose memory decays by one gate per head."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import non_negative, one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers.pairwise._heads import (
    NORMS,
    HeadArguments,
    chunk_and_others,
    gated_recurrence,
    head_dim,
    in_heads,
    project_heads,
    project_output,
    query_key_value,
)
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer


@serializable
class SimpleGatedLinearAttention(SequenceMixer):
    """Gated linear attention with one decay for all channels of a head, which costs less.

    `y_t = W_o (norm(q_t S_t) * silu(W_g x_t)) with S_t = a_t * S_(t-1) + k_t v_t` for each head,
    `a_t = sigmoid(W_a x_t + b)^(1 / gate_normalizer)`, a number, `q_t = W_q x_t / sqrt(key_dim)`,
    `k_t = W_k x_t` and `v_t = W_v x_t`. `S` is `(key_dim, value_dim)` and `k_t v_t` an outer
    product. Time and memory are linear in the length.

    Args:
        heads: Integer, the number of heads. Defaults to `4`.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`,
            `features / heads`.
        value_dim: Integer, the width of a head's values. Defaults to `None`, `features / heads`.
        gate_normalizer: Number, the root that is taken of the decays: with a higher one the layer
            remembers longer. Defaults to `16.0`.
        output_norm: One of `"rms"`, `"layer"` and `None`, the normalisation of each head's output,
            with one scale for all heads. Defaults to `"rms"`.
        output_gate: Name or function of the gate of the output, `None` for none. Defaults to
            `"silu"`.
        **kwargs: Arguments of every sequence mixer (`return_state`, `chunk`, the number of steps
            that are computed at once, by default 64), of the projections (`use_bias`, off by
            default, `kernel_initializer`, `bias_initializer`, their regularizers and constraints,
            as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor `(batch, heads, key_dim, value_dim)`, or a list of it. Defaults to
            `None`, zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        The shape of the input; with `return_state` a tuple of it and the state
        `(batch, heads, key_dim, value_dim)`.

    Weights:
        `features * heads * (2 * key_dim + 3 * value_dim + 1) + value_dim + heads`, by default with
        `key_dim` = `features / heads` and `value_dim` = `features / heads`.

    Masking:
        A masked position carries the state unchanged. The mask is passed on.

    Numerics:
        Decays, state, normalisation and gate are float32 under 16-bit policies. The public code has
        a short convolution after each projection by default, which is omitted here.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, or the
            input, the initial state or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> layer = keras_hadamard.layers.SimpleGatedLinearAttention(heads=2)
    >>> layer(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Gated Linear Attention Transformers with Hardware-Efficient Training (Yang et al.,
          2023)](https://arxiv.org/abs/2312.06635)
    """

    def __init__(
        self,
        heads: int = 4,
        key_dim: int | None = None,
        value_dim: int | None = None,
        gate_normalizer: float = 16.0,
        output_norm: str | None = "rms",
        output_gate: Activation = "silu",
        **kwargs: Unpack[HeadArguments],
    ) -> None:
        chunk, others = chunk_and_others(kwargs)
        super().__init__(**others)
        if not self.causal:
            raise received("`SimpleGatedLinearAttention` to be causal", causal=self.causal)
        self.heads = positive_int("heads", heads)
        self.key_dim = None if key_dim is None else positive_int("key_dim", key_dim)
        self.value_dim = None if value_dim is None else positive_int("value_dim", value_dim)
        self.output_norm = one_of("output_norm", output_norm, (None, *NORMS))
        self.output_gate = None if output_gate is None else get_activation(output_gate)
        self.chunk = chunk
        self.gate_normalizer = non_negative("gate_normalizer", gate_normalizer)
        if not self.gate_normalizer:
            raise received("`gate_normalizer` to be positive", gate_normalizer=gate_normalizer)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        ((_, key, value),) = self.state_shapes(self._width)
        project_heads(self, input_shape, key, value)
        self.decay_projection = self.project(
            self.heads, "decay_projection", use_bias=True, input_shape=input_shape
        )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, (state,), mask = self.enter(inputs, initial_state, mask)
        q, k, v = query_key_value(self, x)
        q = q * q.shape[-1] ** -0.5
        gates = in_heads(self.decay_projection(x), self.heads, self.state_dtype)
        decay = ops.exp(ops.log_sigmoid(gates) / self.gate_normalizer)
        output, state = gated_recurrence(q, k, v, decay, state, mask, self.chunk, self.gives_states)
        y = project_output(self, x, output)
        return self.leave(y, [state])

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        key = self.key_dim or head_dim("key_dim", width, self.heads)
        value = self.value_dim or head_dim("value_dim", width, self.heads)
        return [(self.heads, key, value)]

    def get_config(self) -> dict[str, Any]:
        gate = self.output_gate
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "gate_normalizer": self.gate_normalizer,
            "output_norm": self.output_norm,
            "output_gate": None if gate is None else serialize_activation(gate),
            "chunk": self.chunk,
        }
