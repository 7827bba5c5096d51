"""Retention: linear attention with a fixed decay for each head."""

import math
from typing import Any

from keras import ops

from keras_hadamard._checks import one_of, received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers.pairwise._headed_attention import HeadedAttention

FORMS = ("chunkwise", "parallel", "recurrent")


@serializable
class Retention(HeadedAttention):
    """Multi-scale retention, the mixer of RetNet: linear attention that forgets at fixed rates.

    `y_t = W_o (norm(q_t S_t) * silu(W_g x_t)) with S_t = g * S_(t-1) + k_t v_t` for each head,
    `g = 1 - 2^(-5 - h)` for the head `h` from zero, and queries `W_q x_t / sqrt(key_dim)` and keys
    `W_k x_t` turned by angles that grow with the position. `S` is `(key_dim, value_dim)` and
    `k_t v_t` an outer product.

    Args:
        heads: Integer, the number of heads. Defaults to `4`, as in the other linear attentions. The
            paper takes one for each 256 features.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`,
            `features / heads`.
        value_dim: Integer, the width of a head's values. Defaults to `None`, twice
            `features / heads`.
        form: How the one function is computed. Defaults to `"chunkwise"`, at a cost linear in the
            length; `"parallel"` takes all pairs of positions, at a quadratic cost, and
            `"recurrent"` one step after the other.
        rotary: Boolean, whether queries and keys are turned, halves of a head's channels being the
            two sides of a plane. Defaults to `True`.
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
        initial_state: List of the tensors that `return_state` gives. Defaults to `None`, zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        As the input; with `return_state` a tuple of it, the state
        `(batch, heads, key_dim, value_dim)` and, if `rotary`, the number of steps before,
        `(batch,)`.

    Weights:
        `features * heads * (2 * key_dim + 3 * value_dim) + value_dim`, by default with
        `key_dim` = `features / heads` and `value_dim` = `2 * features / heads`.

    Masking:
        A masked position carries the state unchanged and takes no step. The mask is passed on.

    Numerics:
        Angles, decays, state, normalisation and gate are float32 under 16-bit policies. The paper's
        parallel form divides scores by the sum of their decays, which its normalisation undoes; no
        form does so here, so that all of them agree.

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

    value_share = 2.0

    def __init__(
        self,
        heads: int = 4,
        key_dim: int | None = None,
        value_dim: int | None = None,
        form: str = "chunkwise",
        rotary: bool = True,
        output_norm: str | None = "rms",
        output_gate: Activation = "silu",
        **kwargs: Any,
    ) -> None:
        super().__init__(heads, key_dim, value_dim, output_norm, output_gate, **kwargs)
        self.form = one_of("form", form, FORMS)
        self.rotary = bool(rotary)
        self.decays = [1 - 2.0 ** (-5 - head) for head in range(self.heads)]

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        return [*super().state_shapes(width), *([()] if self.rotary else [])]

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        key = self.sizes(self._width)[0]
        if self.rotary and key % 2:
            raise received(
                "an even `key_dim`, by default width / heads, or `rotary` to be off",
                key_dim=key,
                heads=self.heads,
            )

    def attend(
        self, x: Tensor, qkv: list[Tensor], states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        q, k, v = qkv
        state, *before = states
        # The steps up to each position and with it, (batch or 1, length).
        if mask is None:
            steps = ops.cast(ops.arange(ops.shape(q)[1]) + 1, q.dtype)[None]
        else:
            steps = ops.cumsum(ops.cast(mask, q.dtype), axis=1)
        if before:
            q, k = turned(q, before[0][:, None] + steps), turned(k, before[0][:, None] + steps)
            before = [before[0] + steps[:, -1]]
        if self.form == "parallel":
            read, state = self._parallel(q, k, v, state, steps)
        else:
            chunk = 1 if self.form == "recurrent" else self.chunk
            decay = ops.reshape(ops.convert_to_tensor(self.decays, q.dtype), (1, 1, -1, 1))
            decay = decay * ops.ones_like(q[..., :1])
            read, (state,) = self.recall([q, k, v], decay, state, mask, chunk)
        return read, [state, *before]

    def _parallel(
        self, q: Tensor, k: Tensor, v: Tensor, state: Tensor, steps: Tensor
    ) -> tuple[Tensor, Tensor]:
        """All pairs of positions at once, weighed by the decay over the steps between them."""
        logs = ops.convert_to_tensor([math.log(decay) for decay in self.decays], q.dtype)
        logs, places = ops.reshape(logs, (1, -1, 1, 1)), ops.arange(ops.shape(q)[1])
        between = ops.expand_dims(steps[:, :, None] - steps[:, None], 1)
        earlier = places[:, None] >= places
        weights = ops.where(earlier, ops.exp(logs * ops.maximum(between, 0)), 0)
        scores = ops.einsum("bqhk,bshk->bhqs", q, k) * weights
        since = ops.exp(logs[..., 0] * steps[:, None])[..., None]
        left = ops.exp(logs[..., 0] * (steps[:, None, -1:] - steps[:, None]))[..., None]
        old = ops.einsum("bqhk,bhkv->bhqv", q, state) * since
        read = ops.transpose(ops.einsum("bhqs,bshv->bhqv", scores, v) + old, (0, 2, 1, 3))
        new = ops.einsum("bhsk,bshv->bhkv", ops.transpose(k, (0, 2, 1, 3)) * left, v)
        return read, since[:, :, -1:] * state + new

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "form": self.form, "rotary": self.rotary}


def turned(x: Tensor, steps: Tensor) -> Tensor:
    """The channels of heads turned in planes, the further the later and the nearer to the first."""
    half = x.shape[-1] // 2
    speeds = ops.convert_to_tensor([10000.0 ** (-i / half) for i in range(half)], x.dtype)
    angles = ops.expand_dims(steps, -1) * speeds
    cosine, sine = (ops.expand_dims(wave(angles), 2) for wave in (ops.cos, ops.sin))
    one, other = ops.split(x, 2, axis=-1)
    return ops.concatenate([one * cosine - other * sine, one * sine + other * cosine], axis=-1)
