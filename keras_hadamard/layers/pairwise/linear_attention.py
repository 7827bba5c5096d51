"""Linear attention: feature maps instead of the softmax."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import non_negative, one_of, positive_int
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

FEATURE_MAPS = (None, "elu", "relu", "product")


@serializable
class LinearAttention(SequenceMixer):
    """Linear attention: queries meet a sum of keys and values, at a cost linear in the length.

    `y_t = W_o (f(q_t) S_t / f(q_t) z_t) with S_t = S_(t-1) + f(k_t) v_t` for each head,
    `z_t = z_(t-1) + f(k_t)`, `q_t = W_q x_t`, `k_t = W_k x_t` and `v_t = W_v x_t`; if it is not
    causal, `S` and `z` are the sums over all positions. `S` is `(key_dim, value_dim)` and
    `f(k_t) v_t` an outer product. Mapped queries are divided by `sqrt(key_dim)`, as in the public
    code, which does not affect the quotient.

    Args:
        heads: Integer, the number of heads. Defaults to `4`.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`,
            `features / heads`.
        value_dim: Integer, the width of a head's values. Defaults to `None`, `features / heads`.
        feature_map: What `f` is: `"elu"` is `elu(x) + 1`, `"product"` the Hadamard product of two
            learned projections of a head's channels, `None` the identity. Defaults to `"elu"`, as
            in the paper.
        normalize: Boolean, whether to divide by `f(q_t) z_t`. Defaults to `True`, as in the paper.
        epsilon: Number, added to the divisor. Defaults to `1e-10`.
        output_norm: One of `"rms"`, `"layer"` and `None`, the normalisation of each head's output,
            with one scale for all heads. Defaults to `None`, as in the paper; the public code has
            `"rms"`.
        output_gate: Name or function of a gate of the output. Defaults to `None`, none.
        **kwargs: Arguments of every sequence mixer (`causal`, by default `True`, `return_state`,
            `chunk`, the number of steps that are computed at once, by default 64), of the
            projections (`use_bias`, off by default, `kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor as `return_state` gives it, or a list of it. Defaults to `None`,
            zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        The shape of the input; with `return_state` a tuple of it and the state
        `(batch, heads, key_dim, value_dim)`, with one more column, `z`, where `normalize`.

    Weights:
        `features * heads * 2 * (key_dim + value_dim)
        + (feature_map == "product") * 4 * (key_dim + 1) * key_dim`, by default with
        `key_dim` = `features / heads` and `value_dim` = `features / heads`.

    Masking:
        A masked position has no effect; where causal, it carries the state unchanged. The mask is
        passed on.

    Numerics:
        Feature maps, sums and the quotient are float32 under 16-bit policies. `elu(x) + 1` is
        computed as `exp(x)` below zero, so small features keep their digits. With maps that are not
        positive, the divisor may be near zero.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, a state is
            requested from a layer that is not causal, or the input, the initial state or the mask
            does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.LinearAttention(heads=2, causal=False)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention
          (Katharopoulos et al., 2020)](https://arxiv.org/abs/2006.16236)
        - [Finetuning Pretrained Transformers into RNNs (Kasai et al., 2021)](
          https://arxiv.org/abs/2103.13076)
    """

    def __init__(
        self,
        heads: int = 4,
        key_dim: int | None = None,
        value_dim: int | None = None,
        feature_map: str | None = "elu",
        normalize: bool = True,
        epsilon: float = 1e-10,
        output_norm: str | None = None,
        output_gate: Activation = None,
        **kwargs: Unpack[HeadArguments],
    ) -> None:
        chunk, others = chunk_and_others(kwargs)
        super().__init__(**others)
        self.heads = positive_int("heads", heads)
        self.key_dim = None if key_dim is None else positive_int("key_dim", key_dim)
        self.value_dim = None if value_dim is None else positive_int("value_dim", value_dim)
        self.output_norm = one_of("output_norm", output_norm, (None, *NORMS))
        self.output_gate = None if output_gate is None else get_activation(output_gate)
        self.chunk = chunk
        self.feature_map = one_of("feature_map", feature_map, FEATURE_MAPS)
        self.normalize = bool(normalize)
        self.epsilon = non_negative("epsilon", epsilon)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        key = self.key_dim or head_dim("key_dim", self._width, self.heads)
        value = self.value_dim or head_dim("value_dim", self._width, self.heads)
        project_heads(self, input_shape, key, value)
        if self.feature_map == "product":
            self.query_map, self.key_map = (
                self.project(key, name, use_bias=True, blocks=2, input_shape=(None, key))
                for name in ("query_map", "key_map")
            )

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, states, mask = self.enter(inputs, initial_state, mask)
        q, k, v = query_key_value(self, x)
        if self.feature_map == "product":
            q, k = halves_product(self.query_map, q), halves_product(self.key_map, k)
        elif self.feature_map is not None:
            f = elu_plus_one if self.feature_map == "elu" else ops.relu
            q, k = f(q), f(k)
        q = q * q.shape[-1] ** -0.5
        # A column of ones next to the values sums the keys.
        w = ops.concatenate([v, ops.ones_like(v[..., :1])], axis=-1) if self.normalize else v
        if self.causal:
            output, state = gated_recurrence(
                q, k, w, None, states[0], mask, self.chunk, self.gives_states
            )
            states = [state]
        else:
            keys, values = of_unmasked(mask, k), of_unmasked(mask, w)
            output = ops.einsum("bthk,bhkv->bthv", q, ops.einsum("bthk,bthv->bhkv", keys, values))
        if self.normalize:
            output = output[..., :-1] / (output[..., -1:] + self.epsilon)
        y = project_output(self, x, output)
        return self.leave(y, states)

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        if not self.causal:
            return []
        key = self.key_dim or head_dim("key_dim", width, self.heads)
        value = self.value_dim or head_dim("value_dim", width, self.heads)
        return [(self.heads, key, value + self.normalize)]

    def get_config(self) -> dict[str, Any]:
        gate = self.output_gate
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "feature_map": self.feature_map,
            "normalize": self.normalize,
            "epsilon": self.epsilon,
            "output_norm": self.output_norm,
            "output_gate": None if gate is None else serialize_activation(gate),
            "chunk": self.chunk,
        }


def elu_plus_one(x: Tensor) -> Tensor:
    """`elu(x) + 1` without a difference: `exp(x)` below zero, `x + 1` above."""
    return ops.relu(x) + ops.exp(ops.minimum(x, 0))


def halves_product(projection: keras.layers.Layer, x: Tensor) -> Tensor:
    """The product of the two halves of a projection, in the dtype of `x`."""
    both = projection(ops.cast(x, projection.compute_dtype))
    one, other = ops.split(ops.cast(both, x.dtype), 2, axis=-1)
    return one * other
