"""Linear attention that corrects what it remembers: the mixer of DeltaNet."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
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

FEATURE_MAPS = {
    "silu": ops.silu,
    "elu": lambda x: ops.elu(x) + 1,
    "relu": ops.relu,
    None: lambda x: x,
}
KEY_NORMS = {"unit": unit, "sum": lambda x: x / ops.sum(x, axis=-1, keepdims=True)}


@serializable
class DeltaNet(SequenceMixer):
    """DeltaNet: a memory of keys and values in which each value is corrected by the delta rule.

    `y_t = W_o norm(q_t S_t) with S_t = S_(t-1) + b_t k_t (v_t - k_t S_(t-1))` for each head and
    the share `b_t = sigmoid(W_b x_t)`. `q`, `k` and `v` are `silu` of a causal depthwise
    convolution of `W_q x`, `W_k x` and `W_v x`; `q` and `k` have length one, and `q` is divided by
    `sqrt(key_dim)`. `S` is `(key_dim, value_dim)` and products of vectors are outer ones. Without a
    decay, a value stays until another one is written for its key.

    Args:
        heads: Integer, the number of heads. Defaults to `4`.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`,
            `features / heads`.
        value_dim: Integer, the width of a head's values. Defaults to `None`, `features / heads`.
        window: Integer, the steps of the convolution, or `None` for none. Defaults to `4`.
        feature_map: One of `"silu"`, `"elu"` (one is added), `"relu"` and `None`, the map of
            queries and keys. Defaults to `"silu"`.
        key_norm: `"unit"` for queries and keys of length one, or `"sum"` for entries whose sum is
            one. Defaults to `"unit"`.
        negative_eigenvalues: Boolean, whether the share is doubled, so that the memory of a key can
            change its sign. Defaults to `False`.
        output_gate: Name or function of the gate of the output, `None` for none. Defaults to
            `None`.
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
        + 1) + value_dim`, by default with `key_dim` = `features // heads` and `value_dim` =
        `features // heads`.

    Masking:
        A masked position carries the states unchanged. The mask is passed on.

    Numerics:
        Convolution, state, normalisation and gate are float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, or the
            input, the initial state or the mask does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.DeltaNet(heads=2)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Parallelizing Linear Transformers with the Delta Rule over Sequence Length (Yang et al.,
          2024)](https://arxiv.org/abs/2406.06484)
    """

    def __init__(
        self,
        heads: int = 4,
        key_dim: int | None = None,
        value_dim: int | None = None,
        window: int | None = 4,
        feature_map: str | None = "silu",
        key_norm: str = "unit",
        negative_eigenvalues: bool = False,
        output_gate: Activation = None,
        **kwargs: Unpack[HeadArguments],
    ) -> None:
        self.chunk, others = chunk_and_others(kwargs)
        super().__init__(**others)
        if not self.causal:
            raise received("`DeltaNet` to be causal", causal=self.causal)
        self.heads = positive_int("heads", heads)
        self.key_dim = None if key_dim is None else positive_int("key_dim", key_dim)
        self.value_dim = None if value_dim is None else positive_int("value_dim", value_dim)
        self.window = conv_window(window)
        self.feature_map = one_of("feature_map", feature_map, FEATURE_MAPS)
        self.key_norm = one_of("key_norm", key_norm, KEY_NORMS)
        self.negative_eigenvalues = bool(negative_eigenvalues)
        self.output_gate = None if output_gate is None else get_activation(output_gate)
        self.output_norm = "rms"

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        _, key, value = self.state_shapes(self._width)[0]
        project_delta(self, input_shape, self.heads, key, value)
        if self.output_gate is not None:
            self.gate_projection = self.project(
                self.heads * value, "gate_projection", input_shape=input_shape
            )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, (state, *latest), mask = self.enter(inputs, initial_state, mask)
        q, k, v, latest = queries_keys_values(self, x, latest, mask, self.heads)
        mapped, normed = FEATURE_MAPS[self.feature_map], KEY_NORMS[self.key_norm]
        q, k, v = normed(mapped(q)), normed(mapped(k)), ops.silu(v)
        output, state = delta_recurrence(q, k, v, shares(self, x), None, state, mask, self.chunk)
        return self.leave(project_output(self, x, output), [state, *latest])

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        key = self.key_dim or head_dim("key_dim", width, self.heads)
        value = self.value_dim or head_dim("value_dim", width, self.heads)
        wide = channels(self.heads, self.heads, key, value)
        return [(self.heads, key, value), *conv_states(self, wide)]

    def get_config(self) -> dict[str, Any]:
        gate = self.output_gate
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "window": self.window,
            "feature_map": self.feature_map,
            "key_norm": self.key_norm,
            "negative_eigenvalues": self.negative_eigenvalues,
            "output_gate": None if gate is None else serialize_activation(gate),
            "chunk": self.chunk,
        }
