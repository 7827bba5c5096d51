"""Linear attention that corrects and forgets: the mixer of Gated DeltaNet."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
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
    head_dim,
    project_output,
)
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer
from keras_hadamard.layers.pairwise._short_conv import conv_states, conv_window


@serializable
class GatedDeltaNet(SequenceMixer):
    """Gated DeltaNet: a memory whose values are corrected by the delta rule, and which decays.

    `y_t = W_o (norm(q_t S_t) * silu(W_g x_t)) with S_t = R_t + b_t k_t (v_t - k_t R_t)`, the
    decayed memory `R_t = a_t S_(t-1)`, the share `b_t = sigmoid(W_b x_t)` and the decay
    `a_t = exp(-exp(r) softplus(W_a x_t + d))` of each head. `q`, `k` and `v` are `silu` of a causal
    depthwise convolution of `W_q x`, `W_k x` and `W_v x`; `q` and `k` have length one, and `q` is
    divided by `sqrt(key_dim)`. `S` is `(key_dim, value_dim)` and products of vectors are outer
    ones.

    Args:
        heads: Integer, the number of heads of values. Defaults to `4`.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`,
            `features / heads`. The paper has three quarters of it.
        value_dim: Integer, the width of a head's values. Defaults to `None`, twice `key_dim`.
        key_heads: Integer, a divisor of `heads`, the number of heads of queries and keys, each for
            as many heads of values. Defaults to `None`, `heads`.
        window: Integer, the steps of the convolution, or `None` for none. Defaults to `4`.
        conv_bias: Boolean, whether the convolution has a bias. Defaults to `False`.
        negative_eigenvalues: Boolean, whether the share is doubled, so that the memory of a key can
            change its sign. Defaults to `False`.
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
        `(batch, heads, key_dim, value_dim)` and the latest inputs of the convolution
        `(batch, window - 1, 2 * key_heads * key_dim + heads * value_dim)`.

    Weights:
        `(features + window) * (2 * key_heads * key_dim + heads * value_dim)
        + 2 * features * heads * (value_dim + 1) + 2 * heads + value_dim`, by default with
        `key_heads` = `heads`, `key_dim` = `features // heads` and `value_dim` = `2 * key_dim`.

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
    >>> layer = keras_hadamard.layers.GatedDeltaNet(heads=2, return_state=True)
    >>> y, state, latest = layer(x)
    >>> y.shape, state.shape, latest.shape
    (TensorShape([2, 9, 8]), TensorShape([2, 2, 4, 8]), TensorShape([2, 3, 32]))

    Reference:
        - [Gated Delta Networks: Improving Mamba2 with Delta Rule (Yang et al., 2024)](
          https://arxiv.org/abs/2412.06464)
    """

    def __init__(
        self,
        heads: int = 4,
        key_dim: int | None = None,
        value_dim: int | None = None,
        key_heads: int | None = None,
        window: int | None = 4,
        conv_bias: bool = False,
        negative_eigenvalues: bool = False,
        output_gate: Activation = "silu",
        **kwargs: Unpack[HeadArguments],
    ) -> None:
        self.chunk, others = chunk_and_others(kwargs)
        super().__init__(**others)
        if not self.causal:
            raise received("`GatedDeltaNet` to be causal", causal=self.causal)
        self.heads = positive_int("heads", heads)
        self.key_dim = None if key_dim is None else positive_int("key_dim", key_dim)
        self.value_dim = None if value_dim is None else positive_int("value_dim", value_dim)
        self.key_heads = None if key_heads is None else positive_int("key_heads", key_heads)
        if self.heads % (self.key_heads or 1):
            raise received("`key_heads` to divide `heads`", key_heads=key_heads, heads=heads)
        self.window = conv_window(window)
        self.conv_bias = bool(conv_bias)
        self.negative_eigenvalues = bool(negative_eigenvalues)
        self.output_gate = None if output_gate is None else get_activation(output_gate)
        self.output_norm = "rms"

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        _, key, value = self.state_shapes(self._width)[0]
        project_delta(self, input_shape, self._key_heads, key, value, self.conv_bias)
        if self.output_gate is not None:
            self.gate_projection = self.project(
                self.heads * value, "gate_projection", input_shape=input_shape
            )
        self.decay_projection = self.project(
            self.heads,
            "decay_projection",
            use_bias=True,
            bias_initializer=softplus_inverse_of_steps,
            input_shape=input_shape,
        )
        self.log_rate = self.add_weight(
            name="log_rate",
            shape=(self.heads,),
            initializer=log_of_uniform(1e-3),
            autocast=False,
        )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, (state, *latest), mask = self.enter(inputs, initial_state, mask)
        q, k, v, latest = queries_keys_values(self, x, latest, mask, self._key_heads)
        q, k, v = unit(ops.silu(q)), unit(ops.silu(k)), ops.silu(v)
        steps = ops.softplus(ops.cast(self.decay_projection(x), self.state_dtype))
        decay = ops.exp(-ops.exp(ops.cast(self.log_rate, self.state_dtype)) * steps)[..., None]
        beta = shares(self, x)
        output, state = delta_recurrence(q, k, v, beta, decay, state, mask, self.chunk)
        return self.leave(project_output(self, x, output), [state, *latest])

    @property
    def _key_heads(self) -> int:
        return self.key_heads or self.heads

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        key = self.key_dim or head_dim("key_dim", width, self.heads)
        value = self.value_dim or 2 * key
        wide = channels(self._key_heads, self.heads, key, value)
        return [(self.heads, key, value), *conv_states(self, wide)]

    def get_config(self) -> dict[str, Any]:
        gate = self.output_gate
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "key_heads": self.key_heads,
            "window": self.window,
            "conv_bias": self.conv_bias,
            "negative_eigenvalues": self.negative_eigenvalues,
            "output_gate": None if gate is None else serialize_activation(gate),
            "chunk": self.chunk,
        }
