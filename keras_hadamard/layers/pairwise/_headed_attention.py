"""What the linear attentions share: heads, and what becomes of what they read."""

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import one_of, positive_int, received
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer
from keras_hadamard.ops import gated_linear_attention, glu

NORMS = {"rms": keras.layers.RMSNormalization, "layer": keras.layers.LayerNormalization}
EPSILON = 1e-5


class HeadedAttention(SequenceMixer):
    """Base of linear attentions of several heads.

    A layer says what `attend` reads for the queries, which are scaled, from keys and values, those
    of masked positions zero. What is read is normalised for each head, gated and projected.
    """

    # How wide keys and values of all heads are by default, as a share of the features.
    key_share = value_share = 1.0
    only_causal = True

    def __init__(
        self,
        heads: int,
        key_dim: int | None,
        value_dim: int | None,
        output_norm: str | None,
        output_gate: Activation,
        *,
        chunk: int = 64,
        use_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(use_bias=use_bias, **kwargs)
        if self.only_causal and not self.causal:
            raise received(f"`{type(self).__name__}` to be causal", causal=self.causal)
        self.heads = positive_int("heads", heads)
        self.key_dim = None if key_dim is None else positive_int("key_dim", key_dim)
        self.value_dim = None if value_dim is None else positive_int("value_dim", value_dim)
        self.output_norm = one_of("output_norm", output_norm, (None, *NORMS))
        self.output_gate = None if output_gate is None else get_activation(output_gate)
        self.chunk = positive_int("chunk", chunk)
        if self.chunk & (self.chunk - 1):
            raise received("`chunk` to be a power of two", chunk=chunk)

    def sizes(self, width: int) -> tuple[int, int]:
        """The widths of a head's keys and of its values."""
        key = self.key_dim or self._of_head(width, self.key_share, "key_dim")
        return key, self.value_dim or self._of_head(width, self.value_share, "value_dim")

    def _of_head(self, width: int, share: float, argument: str) -> int:
        total = share * width
        if total % self.heads:
            fitting = [heads for heads in range(1, width + 1) if total % heads == 0]
            of_width = "the width" if share == 1 else f"{share:g} times the width"
            which = f" ({', '.join(map(str, fitting))} do)" if fitting else ""
            raise received(
                f"`heads` that divide {of_width}{which}, or `{argument}` to be given",
                heads=self.heads,
                width=width,
            )
        return int(total // self.heads)

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        return [(self.heads, *self.sizes(width))]

    @abstractmethod
    def attend(
        self, x: Tensor, qkv: list[Tensor], states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """What is read, (batch, length, heads, values), and the states after the last position.

        Queries, keys and values are (batch, length, heads, width of a head).
        """

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        key, value = (self.heads * size for size in self.sizes(self._width))
        self.query_projection, self.key_projection, self.value_projection = (
            self.project(units, f"{name}_projection", input_shape=input_shape)
            for name, units in (("query", key), ("key", key), ("value", value))
        )
        if self.output_gate is not None:
            self.gate_projection = self.project(value, "gate_projection", input_shape=input_shape)
        if self.output_norm is not None:
            self.norm = NORMS[self.output_norm](
                epsilon=EPSILON, dtype=self.state_dtype, name="norm"
            )
            self.norm.build((*input_shape[:-1], self.heads, value // self.heads))
        self.output_projection = self.project(
            self._width, "output_projection", input_shape=(*input_shape[:-1], value)
        )

    def run(
        self, x: Tensor, states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        q, k, v = (
            self.in_heads(projection(x))
            for projection in (self.query_projection, self.key_projection, self.value_projection)
        )
        q, k = self.mapped(q, k)
        q = q * q.shape[-1] ** -0.5
        if mask is not None:
            seen = mask[:, :, None, None]
            k, v = (ops.where(seen, part, ops.zeros_like(part)) for part in (k, v))
        read, states = self.attend(x, [q, k, v], states, mask)
        if self.output_norm is not None:
            read = self.norm(read)
        read = ops.reshape(read, (-1, ops.shape(x)[1], self.heads * v.shape[-1]))
        if self.output_gate is not None:
            gate = ops.cast(self.gate_projection(x), self.state_dtype)
            read = glu(read, gate, activation=self.output_gate)
        return self.output_projection(ops.cast(read, self.compute_dtype)), states

    def mapped(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys before the scale."""
        return q, k

    def in_heads(self, projected: Tensor) -> Tensor:
        """(batch, length, heads, width of a head), in the dtype of the state."""
        length, width = projected.shape[1:]
        length = ops.shape(projected)[1] if length is None else length
        shape = (-1, length, self.heads, width // self.heads)
        return ops.reshape(ops.cast(projected, self.state_dtype), shape)

    def recall(
        self,
        qkv: list[Tensor],
        decay: Tensor,
        state: Tensor,
        mask: Tensor | None,
        chunk: int | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """The causal recurrence, over which masked positions carry the state unchanged."""
        if mask is not None:
            decay = ops.where(mask[:, :, None, None], decay, ops.ones_like(decay))
        q, k, v = qkv
        chunk = chunk or self.chunk
        read, state = gated_linear_attention(q, k, v, decay, state, chunk=chunk, return_state=True)
        return read, [state]

    def get_config(self) -> dict[str, Any]:
        gate = self.output_gate
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_norm": self.output_norm,
            "output_gate": None if gate is None else serialize_activation(gate),
            "chunk": self.chunk,
        }
