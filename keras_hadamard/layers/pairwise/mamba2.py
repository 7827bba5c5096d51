"""The selective state space model with one decay a head: the mixer of Mamba-2."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers.pairwise._decay_rates import log_of_uniform, softplus_inverse_of_steps
from keras_hadamard.layers.pairwise._heads import (
    EPSILON,
    HeadArguments,
    chunk_and_others,
    gated_recurrence,
    head_dim,
    in_heads,
)
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer
from keras_hadamard.layers.pairwise._short_conv import (
    conv_states,
    conv_window,
    convolved,
    short_conv,
)
from keras_hadamard.ops import glu


@serializable
class Mamba2(SequenceMixer):
    """Mamba-2: a state space model whose decay, input and output depend on the token.

    `y_t = W_o norm((c_t S_t + d * u_t) * silu(z_t)) with S_t = a_t S_(t-1) + b_t (dt_t u_t)` for
    each head, `dt_t = softplus(W_t x_t + s)` and `a_t = exp(-exp(r) dt_t)`. `z` and `[u, b, c]` are
    projections of `x`, and the latter go through a causal depthwise convolution and `silu` first.
    `S` is `(state_size, expansion * features / heads)`, products of vectors are outer ones, and
    heads of one group share `b` and `c`. It is linear attention with keys `b`, values `dt u` and
    queries `c`.

    Args:
        heads: Integer, the number of heads. Defaults to `4`. The paper has one for 64 channels.
        state_size: Integer, the width of `b` and `c`. Defaults to `64`.
        expansion: Number, the width of `u` and `z` in widths of the input. Defaults to `2.0`.
        groups: Integer, a divisor of `heads`, the number of pairs of `b` and `c`. Defaults to `1`.
        window: Integer, the steps of the convolution, or `None` for none. Defaults to `4`.
        conv_bias: Boolean, whether the convolution has a bias. Defaults to `True`.
        learn_state: Boolean, whether the state before the first step is learned. Defaults to
            `False`.
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
        `(batch, heads, state_size, expansion * features / heads)` and the latest inputs of the
        convolution `(batch, window - 1, expansion * features + 2 * groups * state_size)`.

    Weights:
        `features * (3 * expansion * features + 2 * groups * state_size + heads)
        + (window + conv_bias) * (expansion * features + 2 * groups * state_size) + 3 * heads
        + expansion * features`.

    Masking:
        A masked position carries the states unchanged. The mask is passed on.

    Numerics:
        Convolution, decays, state, gate and normalisation are float32 under 16-bit policies. See
        `keras_hadamard.ops.gated_linear_attention`: nothing is divided by products of decays.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, or the
            input, the initial state or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> layer = keras_hadamard.layers.Mamba2(heads=2, state_size=3, return_state=True)
    >>> y, state, latest = layer(x)
    >>> y.shape, state.shape, latest.shape
    (TensorShape([2, 9, 8]), TensorShape([2, 2, 3, 8]), TensorShape([2, 3, 22]))

    Reference:
        - [Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured
          State Space Duality (Dao and Gu, 2024)](https://arxiv.org/abs/2405.21060)
    """

    def __init__(
        self,
        heads: int = 4,
        state_size: int = 64,
        expansion: float = 2.0,
        groups: int = 1,
        window: int | None = 4,
        conv_bias: bool = True,
        learn_state: bool = False,
        **kwargs: Unpack[HeadArguments],
    ) -> None:
        self.chunk, others = chunk_and_others(kwargs)
        super().__init__(**others)
        if not self.causal:
            raise received("`Mamba2` to be causal", causal=self.causal)
        self.heads = positive_int("heads", heads)
        self.state_size = positive_int("state_size", state_size)
        self.expansion = float(expansion)
        if not self.expansion > 0:
            raise received("`expansion` to be positive", expansion=expansion)
        self.groups = positive_int("groups", groups)
        if self.heads % self.groups:
            raise received("`groups` to divide `heads`", groups=groups, heads=heads)
        self.window = conv_window(window)
        self.conv_bias = bool(conv_bias)
        self.learn_state = bool(learn_state)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        inner, shared = self._widths(self._width)
        state = self.state_shapes(self._width)[0]
        self.input_projection = self.project(
            2 * inner + 2 * shared + self.heads, "input_projection", input_shape=input_shape
        )
        self.conv = short_conv(self, inner + 2 * shared, self.conv_bias)
        for name, initializer in (
            ("step_bias", softplus_inverse_of_steps),
            ("log_rate", log_of_uniform(1.0)),
            ("skip", "ones"),
        ):
            weight = self.add_weight(
                name=name, shape=(self.heads,), initializer=initializer, autocast=False
            )
            setattr(self, name, weight)
        self.first_state = None
        if self.learn_state:
            self.first_state = self.add_weight(
                name="first_state", shape=state, initializer="zeros", autocast=False
            )
        self.norm = keras.layers.RMSNormalization(
            epsilon=EPSILON, dtype=self.state_dtype, name="norm"
        )
        self.norm.build((*input_shape[:-1], inner))
        self.output_projection = self.project(
            self._width, "output_projection", input_shape=(*input_shape[:-1], inner)
        )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, (state, *latest), mask = self.enter(inputs, initial_state, mask)
        (inner, shared), dtype = self._widths(self._width), self.state_dtype
        z, joined, steps = ops.split(
            self.input_projection(x), [inner, 2 * inner + 2 * shared], axis=-1
        )
        joined, latest = convolved(self, joined, latest, mask)
        u, b, c = ops.split(ops.silu(joined), [inner, inner + shared], axis=-1)
        u = in_heads(u, self.heads, dtype)
        b, c = (
            ops.repeat(in_heads(part, self.groups, dtype), self.heads // self.groups, axis=2)
            for part in (b, c)
        )
        step_bias, log_rate, skip = (
            ops.cast(weight, dtype) for weight in (self.step_bias, self.log_rate, self.skip)
        )
        dt = ops.softplus(ops.cast(steps, dtype) + step_bias)[..., None]
        decay = ops.exp(-ops.exp(log_rate)[:, None] * dt)
        output, state = gated_recurrence(c, b, dt * u, decay, state, mask, self.chunk)
        output = output + skip[:, None] * u
        output = ops.reshape(output, (-1, ops.shape(x)[1], inner))
        output = self.norm(glu(output, ops.cast(z, dtype), activation="silu"))
        y = self.output_projection(ops.cast(output, self.compute_dtype))
        return self.leave(y, [state, *latest])

    def get_initial_state(self, batch_size: Any) -> list[Tensor]:
        state, *latest = super().get_initial_state(batch_size)
        if self.first_state is not None:
            state = state + ops.cast(self.first_state, self.state_dtype)
        return [state, *latest]

    def _widths(self, width: int) -> tuple[int, int]:
        """Of all heads together, and of `b`, that of all groups."""
        return int(self.expansion * width), self.groups * self.state_size

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        inner, shared = self._widths(width)
        value = head_dim("expansion", inner, self.heads)
        return [(self.heads, self.state_size, value), *conv_states(self, inner + 2 * shared)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "state_size": self.state_size,
            "expansion": self.expansion,
            "groups": self.groups,
            "window": self.window,
            "conv_bias": self.conv_bias,
            "learn_state": self.learn_state,
            "chunk": self.chunk,
        }
