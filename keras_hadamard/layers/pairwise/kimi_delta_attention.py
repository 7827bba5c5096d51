"""The delta rule with a decay for each key channel: Kimi Delta Attention."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.layers.pairwise._decay_rates import log_of_uniform, softplus_inverse_of_steps
from keras_hadamard.layers.pairwise._delta_heads import (
    channels,
    delta_recurrence,
    project_delta,
    queries_keys_values,
    shares,
    unit,
)
from keras_hadamard.layers.pairwise._heads import (
    HeadArguments,
    chunk_and_others,
    gated_output,
    head_dim,
    in_heads,
)
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer
from keras_hadamard.layers.pairwise._short_conv import conv_states, conv_window


@serializable
class KimiDeltaAttention(SequenceMixer):
    """Kimi Delta Attention (KDA): Gated DeltaNet with a decay for each key channel.

    `y_t = W_o (norm(q_t S_t) * sigmoid(W_2 W_1 x_t + c)) with S_t = R_t + b_t k_t (v_t - k_t R_t)`,
    the decayed memory `R_t = a_t * S_(t-1)`, the share `b_t = sigmoid(W_b x_t)` and the decays
    `a_t = exp(-exp(r) softplus(W_4 W_3 x_t + d))` of the memory's rows, `r` one for each head. `q`,
    `k` and `v` are `silu` of a causal depthwise convolution of `W_q x`, `W_k x` and `W_v x`; `q`
    and `k` have length one, and `q` is divided by `sqrt(key_dim)`. `W_1` and `W_3` are
    `(features, value_dim)`.

    Args:
        heads: Integer, the number of heads. Defaults to `4`.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`,
            `features / heads`.
        value_dim: Integer, the width of a head's values. Defaults to `None`, `features / heads`.
        window: Integer, the steps of the convolution, or `None` for none. Defaults to `4`.
        lower_bound: Number below zero, the least logarithm of a decay: the decays are
            `exp(lower_bound * sigmoid(exp(r) (W_4 W_3 x_t + d)))`. Defaults to `None`, no bound.
        negative_eigenvalues: Boolean, whether the share is doubled, so that the memory of a key can
            change its sign. Defaults to `False`.
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
        `(batch, heads, key_dim, value_dim)` and the latest inputs of the convolution
        `(batch, window - 1, heads * (2 * key_dim + value_dim))`.

    Weights:
        `(features + window) * heads * (2 * key_dim + value_dim) + features * heads * (value_dim
        + 1) + heads + value_dim + 2 * features * value_dim + (value_dim + 1) * heads * (key_dim
        + value_dim)`, by default with `key_dim` = `features // heads` and `value_dim` =
        `features // heads`.

    Masking:
        A masked position carries the states unchanged. The mask is passed on.

    Numerics:
        Convolution, decays, state, normalisation and gate are float32 under 16-bit policies. See
        `keras_hadamard.ops.delta_rule`: nothing is divided by products of decays.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, or the
            input, the initial state or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.KimiDeltaAttention(heads=2)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Kimi Linear: An Expressive, Efficient Attention Architecture (Kimi Team, 2025)](
          https://arxiv.org/abs/2510.26692)
    """

    def __init__(
        self,
        heads: int = 4,
        key_dim: int | None = None,
        value_dim: int | None = None,
        window: int | None = 4,
        lower_bound: float | None = None,
        negative_eigenvalues: bool = False,
        **kwargs: Unpack[HeadArguments],
    ) -> None:
        self.chunk, others = chunk_and_others(kwargs)
        super().__init__(**others)
        if not self.causal:
            raise received("`KimiDeltaAttention` to be causal", causal=self.causal)
        self.heads = positive_int("heads", heads)
        self.key_dim = None if key_dim is None else positive_int("key_dim", key_dim)
        self.value_dim = None if value_dim is None else positive_int("value_dim", value_dim)
        self.window = conv_window(window)
        self.lower_bound = None if lower_bound is None else float(lower_bound)
        if self.lower_bound is not None and not self.lower_bound < 0:
            raise received("`lower_bound` to be below zero", lower_bound=lower_bound)
        self.negative_eigenvalues = bool(negative_eigenvalues)
        self.output_norm = "rms"
        self.output_gate = get_activation("sigmoid")

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        _, key, value = self.state_shapes(self._width)[0]
        project_delta(self, input_shape, self.heads, key, value)
        low_rank = (*input_shape[:-1], value)
        self.gate_down = self.project(value, "gate_down", input_shape=input_shape)
        self.gate_up = self.project(
            self.heads * value, "gate_up", use_bias=True, input_shape=low_rank
        )
        self.decay_down = self.project(value, "decay_down", input_shape=input_shape)
        self.decay_up = self.project(
            self.heads * key,
            "decay_up",
            use_bias=True,
            bias_initializer=softplus_inverse_of_steps,
            input_shape=low_rank,
        )
        self.log_rate = self.add_weight(
            name="log_rate", shape=(self.heads,), initializer=log_of_uniform(1.0), autocast=False
        )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, (state, *latest), mask = self.enter(inputs, initial_state, mask)
        q, k, v, latest = queries_keys_values(self, x, latest, mask, self.heads)
        q, k, v = unit(ops.silu(q)), unit(ops.silu(k)), ops.silu(v)
        steps = in_heads(self.decay_up(self.decay_down(x)), self.heads, self.state_dtype)
        rate = ops.exp(ops.cast(self.log_rate, self.state_dtype))[:, None]
        if self.lower_bound is None:
            decay = ops.exp(-rate * ops.softplus(steps))
        else:
            decay = ops.exp(self.lower_bound * ops.sigmoid(rate * steps))
        beta = shares(self, x)
        output, state = delta_recurrence(q, k, v, beta, decay, state, mask, self.chunk)
        y = gated_output(self, output, self.gate_up(self.gate_down(x)))
        return self.leave(y, [state, *latest])

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        key = self.key_dim or head_dim("key_dim", width, self.heads)
        value = self.value_dim or head_dim("value_dim", width, self.heads)
        wide = channels(self.heads, self.heads, key, value)
        return [(self.heads, key, value), *conv_states(self, wide)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "window": self.window,
            "lower_bound": self.lower_bound,
            "negative_eigenvalues": self.negative_eigenvalues,
            "chunk": self.chunk,
        }
