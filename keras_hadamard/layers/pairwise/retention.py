"""Retention: linear attention with a fixed decay for each head."""

import math
from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
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
    of_unmasked,
    project_heads,
    project_output,
    query_key_value,
)
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer

FORMS = ("chunkwise", "parallel", "recurrent")


@serializable
class Retention(SequenceMixer):
    """Multi-scale retention, the mixer of RetNet: linear attention that forgets at fixed rates.

    `y_t = W_o (norm(q_t S_t) * silu(W_g x_t)) with S_t = g * S_(t-1) + k_t v_t` for each head,
    `g = 1 - 2^(-5 - h)` for the head `h` from zero, and queries `W_q x_t / sqrt(key_dim)` and keys
    `W_k x_t` rotated by angles that grow with the position. `S` is `(key_dim, value_dim)` and
    `k_t v_t` an outer product.

    Args:
        heads: Integer, the number of heads. Defaults to `4`, as in the other linear attentions. The
            paper uses one for each 256 features.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`,
            `features / heads`.
        value_dim: Integer, the width of a head's values. Defaults to `None`, twice
            `features / heads`.
        form: The computation of the same function. Defaults to `"chunkwise"`, at a cost linear in
            the length; `"parallel"` computes all pairs of positions, at a quadratic cost, and
            `"recurrent"` one step after another.
        rotary: Boolean, whether queries and keys are rotated, in planes of one channel from each
            half of a head. Defaults to `True`.
        output_norm: One of `"rms"`, `"layer"` and `None`, the normalisation of each head's output,
            with one scale for all heads. Defaults to `"rms"`, as in the public code; the paper has
            `"layer"`.
        output_gate: Name or function of the gate of the output, `None` for none. Defaults to
            `"silu"`.
        **kwargs: Arguments of every sequence mixer (`return_state`, `chunk`, the number of steps
            that are computed at once, by default 64), of the projections (`use_bias`, off by
            default, `kernel_initializer`, `bias_initializer`, their regularizers and constraints,
            as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: List of the tensors that `return_state` gives. Defaults to `None`, zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        The shape of the input; with `return_state` a tuple of it, the state
        `(batch, heads, key_dim, value_dim)` and, if `rotary`, the number of steps before,
        `(batch,)`.

    Weights:
        `features * heads * (2 * key_dim + 3 * value_dim) + value_dim`, by default with
        `key_dim` = `features / heads` and `value_dim` = `2 * features / heads`.

    Masking:
        A masked position carries the state unchanged and does not count as a step. The mask is
        passed on.

    Numerics:
        Angles, decays, state, normalisation and gate are float32 under 16-bit policies. The paper's
        parallel form divides scores by the sum of their decays, which its normalisation cancels; no
        form does so here, so that all agree.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, `key_dim`
            is odd with `rotary`, or the input, the initial state or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.Retention(heads=2)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Retentive Network: A Successor to Transformer for Large Language Models (Sun et al.,
          2023)](https://arxiv.org/abs/2307.08621)
    """

    def __init__(
        self,
        heads: int = 4,
        key_dim: int | None = None,
        value_dim: int | None = None,
        form: str = "chunkwise",
        rotary: bool = True,
        output_norm: str | None = "rms",
        output_gate: Activation = "silu",
        **kwargs: Unpack[HeadArguments],
    ) -> None:
        chunk, others = chunk_and_others(kwargs)
        super().__init__(**others)
        if not self.causal:
            raise received("`Retention` to be causal", causal=self.causal)
        self.heads = positive_int("heads", heads)
        self.key_dim = None if key_dim is None else positive_int("key_dim", key_dim)
        self.value_dim = None if value_dim is None else positive_int("value_dim", value_dim)
        self.output_norm = one_of("output_norm", output_norm, (None, *NORMS))
        self.output_gate = None if output_gate is None else get_activation(output_gate)
        self.chunk = chunk
        self.form = one_of("form", form, FORMS)
        self.rotary = bool(rotary)
        self.decays = [1 - 2.0 ** (-5 - head) for head in range(self.heads)]

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        _, key, value = self.state_shapes(self._width)[0]
        project_heads(self, input_shape, key, value)
        if self.rotary and key % 2:
            raise received(
                "an even `key_dim`, by default width / heads, or `rotary` to be off",
                key_dim=key,
                heads=self.heads,
            )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, (state, *before), mask = self.enter(inputs, initial_state, mask)
        q, k, v = query_key_value(self, x)
        q = q * q.shape[-1] ** -0.5
        # The number of steps up to and including each position, (batch or 1, length).
        if mask is None:
            steps = ops.cast(ops.arange(ops.shape(q)[1]) + 1, q.dtype)[None]
        else:
            steps = ops.cumsum(ops.cast(mask, q.dtype), axis=1)
        if self.rotary:
            places = before[0][:, None] + steps
            q, k, before = rotary(q, places), rotary(k, places), [before[0] + steps[:, -1]]
        if self.form == "parallel":
            k, v = of_unmasked(mask, k), of_unmasked(mask, v)
            output, state = all_pairs(q, k, v, state, steps, self.decays)
        else:
            decay = ops.reshape(ops.convert_to_tensor(self.decays, q.dtype), (1, 1, -1, 1))
            decay = decay * ops.ones_like(q[..., :1])
            chunk = 1 if self.form == "recurrent" else self.chunk
            output, state = gated_recurrence(q, k, v, decay, state, mask, chunk, self.gives_states)
        y = project_output(self, x, output)
        return self.leave(y, [state, *before])

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        key = self.key_dim or head_dim("key_dim", width, self.heads)
        value = self.value_dim or head_dim("value_dim", width, self.heads, share=2.0)
        steps: list[tuple[int, ...]] = [()] if self.rotary else []
        return [(self.heads, key, value), *steps]

    def get_config(self) -> dict[str, Any]:
        gate = self.output_gate
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "form": self.form,
            "rotary": self.rotary,
            "output_norm": self.output_norm,
            "output_gate": None if gate is None else serialize_activation(gate),
            "chunk": self.chunk,
        }


def all_pairs(
    q: Tensor, k: Tensor, v: Tensor, state: Tensor, steps: Tensor, decays: list[float]
) -> tuple[Tensor, Tensor]:
    """All pairs of positions at once, weighted by the decay over the steps between them."""
    logs = ops.convert_to_tensor([math.log(decay) for decay in decays], q.dtype)
    logs, places = ops.reshape(logs, (1, -1, 1, 1)), ops.arange(ops.shape(q)[1])
    between = ops.expand_dims(steps[:, :, None] - steps[:, None], 1)
    earlier = places[:, None] >= places
    weights = ops.where(earlier, ops.exp(logs * ops.maximum(between, 0)), 0)
    scores = ops.einsum("bqhk,bshk->bhqs", q, k) * weights
    since = ops.exp(logs[..., 0] * steps[:, None])[..., None]
    left = ops.exp(logs[..., 0] * (steps[:, None, -1:] - steps[:, None]))[..., None]
    old = ops.einsum("bqhk,bhkv->bhqv", q, state) * since
    output = ops.transpose(ops.einsum("bhqs,bshv->bhqv", scores, v) + old, (0, 2, 1, 3))
    new = ops.einsum("bhsk,bshv->bhkv", ops.transpose(k, (0, 2, 1, 3)) * left, v)
    return output, since[:, :, -1:] * state + new


def rotary(x: Tensor, steps: Tensor) -> Tensor:
    """Rotary embedding: channels are rotated in pairs, by angles that grow with the position."""
    half = x.shape[-1] // 2
    speeds = ops.convert_to_tensor([10000.0 ** (-i / half) for i in range(half)], x.dtype)
    angles = ops.expand_dims(steps, -1) * speeds
    cosine, sine = (ops.expand_dims(wave(angles), 2) for wave in (ops.cos, ops.sin))
    one, other = ops.split(x, 2, axis=-1)
    return ops.concatenate([one * cosine - other * sine, one * sine + other * cosine], axis=-1)
