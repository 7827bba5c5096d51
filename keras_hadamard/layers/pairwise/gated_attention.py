"""Softmax attention with a gate on its output."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers.pairwise._heads import head_dim, in_heads
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer, SequenceMixerArguments
from keras_hadamard.layers.pairwise._softmax_attention import grouped_attention, valid_pairs
from keras_hadamard.layers.pairwise.retention import rotary

GATES = ("element", "head", None)


@serializable
class GatedAttention(SequenceMixer):
    """Gated attention: softmax attention whose output is multiplied by a gate of the input.

    `y = W_o (o * sigmoid(W_g x)) with o = softmax(q k / sqrt(key_dim)) v` for each head, of
    queries `W_q x`, keys `W_k x` and values `W_v x`. The gate is one for each element or one for
    each head. It makes the output sparse and the map of the values to it non-linear, and no
    position has to attract attention that is not needed.

    Args:
        heads: Integer, the number of heads of queries. Defaults to `4`.
        key_heads: Integer, a divisor of `heads`, the number of heads of keys and values, each for
            as many heads of queries. Defaults to `None`, `heads`.
        key_dim: Integer, the width of a head. Defaults to `None`, `features / heads`.
        gate: `"element"`, `"head"`, or `None` for no gate. Defaults to `"element"`.
        normalize: Boolean, whether queries and keys of a head are divided by their root mean square
            and scaled. Defaults to `True`.
        rotary: Boolean, whether queries and keys are rotated by their positions, in planes of one
            channel from each half of a head. Defaults to `True`.
        **kwargs: Arguments of every sequence mixer (`causal`, by default
            `True`, whether a position sees no later ones), of the projections (`use_bias`, off by
            default, `kernel_initializer`, `bias_initializer`, their regularizers and constraints,
            as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Not supported, as there is no state of a fixed size.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        The shape of the input.

    Weights:
        `2 * features * heads * key_dim + 2 * features * key_heads * key_dim + features * heads
        * (key_dim if gate == "element" else gate == "head") + 2 * normalize * key_dim`, by default
        with `key_heads` = `heads` and `key_dim` = `features // heads`.

    Masking:
        A masked position is not seen by others and does not count as a position. The mask is passed
        on.

    Numerics:
        Normalisation, rotation, softmax and gate are float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, `key_dim`
            is odd with `rotary`, or the input or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.GatedAttention(heads=2, gate="head")(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Gated Attention for Large Language Models: Non-linearity, Sparsity, and
          Attention-Sink-Free (Qiu et al., 2025)](https://arxiv.org/abs/2505.06708)
    """

    def __init__(
        self,
        heads: int = 4,
        key_heads: int | None = None,
        key_dim: int | None = None,
        gate: str | None = "element",
        normalize: bool = True,
        rotary: bool = True,
        **kwargs: Unpack[SequenceMixerArguments],
    ) -> None:
        kwargs.setdefault("use_bias", False)
        super().__init__(**kwargs)
        self.heads = positive_int("heads", heads)
        self.key_heads = None if key_heads is None else positive_int("key_heads", key_heads)
        if self.heads % (self.key_heads or 1):
            raise received("`key_heads` to divide `heads`", key_heads=key_heads, heads=heads)
        self.key_dim = None if key_dim is None else positive_int("key_dim", key_dim)
        self.gate = one_of("gate", gate, GATES)
        self.normalize = bool(normalize)
        self.rotary = bool(rotary)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        width = self.key_dim or head_dim("key_dim", self._width, self.heads)
        if self.rotary and width % 2:
            raise received(
                "an even `key_dim`, by default width / heads, or `rotary` to be off",
                key_dim=width,
                heads=self.heads,
            )
        queries, keys = self.heads * width, (self.key_heads or self.heads) * width
        self.query_projection = self.project(queries, "query_projection", input_shape=input_shape)
        self.key_projection = self.project(keys, "key_projection", input_shape=input_shape)
        self.value_projection = self.project(keys, "value_projection", input_shape=input_shape)
        if self.gate is not None:
            gates = queries if self.gate == "element" else self.heads
            self.gate_projection = self.project(gates, "gate_projection", input_shape=input_shape)
        if self.normalize:
            self.query_norm, self.key_norm = (
                keras.layers.RMSNormalization(epsilon=1e-6, dtype=self.state_dtype, name=name)
                for name in ("query_norm", "key_norm")
            )
            self.query_norm.build((None, None, self.heads, width))
            self.key_norm.build((None, None, self.heads, width))
        self.output_projection = self.project(
            self._width, "output_projection", input_shape=(*input_shape[:-1], queries)
        )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, _, mask = self.enter(inputs, initial_state, mask)
        dtype, length, key_heads = self.state_dtype, ops.shape(x)[1], self.key_heads or self.heads
        q = in_heads(self.query_projection(x), self.heads, dtype)
        k = in_heads(self.key_projection(x), key_heads, dtype)
        v = in_heads(self.value_projection(x), key_heads, dtype)
        if self.normalize:
            q, k = self.query_norm(q), self.key_norm(k)
        if self.rotary:
            if mask is None:
                places = ops.cast(ops.arange(length), dtype)[None]
            else:
                places = ops.cumsum(ops.cast(mask, dtype), axis=1)
            q, k = rotary(q, places), rotary(k, places)
        output = grouped_attention(q, k, v, valid_pairs(length, mask, self.causal))
        if self.gate is not None:
            gates = in_heads(self.gate_projection(x), self.heads, dtype)
            output = output * ops.sigmoid(gates)
        output = ops.reshape(output, (-1, length, self.heads * output.shape[-1]))
        y = self.output_projection(ops.cast(output, self.compute_dtype))
        return self.leave(y, [])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_heads": self.key_heads,
            "key_dim": self.key_dim,
            "gate": self.gate,
            "normalize": self.normalize,
            "rotary": self.rotary,
        }
