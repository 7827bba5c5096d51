"""Linear attention: feature maps in place of the softmax."""

from typing import Any

from keras import ops

from keras_hadamard._checks import non_negative, one_of
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers.pairwise._headed_attention import HeadedAttention

FEATURE_MAPS = (None, "elu", "relu", "product")


@serializable
class LinearAttention(HeadedAttention):
    """Linear attention: queries meet a sum of keys and values, at a cost linear in the length.

    `y_t = W_o (f(q_t) S_t / f(q_t) z_t) with S_t = S_(t-1) + f(k_t) v_t` for each head,
    `z_t = z_(t-1) + f(k_t)`, `q_t = W_q x_t`, `k_t = W_k x_t` and `v_t = W_v x_t`; where it is not
    causal, `S` and `z` are the sums over all positions. `S` is `(key_dim, value_dim)` and
    `f(k_t) v_t` an outer product. Mapped queries are divided by `sqrt(key_dim)`, as in the public
    code, of which the quotient sees nothing.

    Args:
        heads: Integer, the number of heads. Defaults to `4`.
        key_dim: Integer, the width of a head's queries and keys. Defaults to `None`,
            `features / heads`.
        value_dim: Integer, the width of a head's values. Defaults to `None`, `features / heads`.
        feature_map: What `f` is: `"elu"` is `elu(x) + 1`, `"product"` the Hadamard product of two
            learned projections of a head's channels, `None` the identity. Defaults to `"elu"`, as
            in the paper.
        normalize: Boolean, whether there is a division by `f(q_t) z_t`. Defaults to `True`, as in
            the paper.
        epsilon: Number, what is added to that. Defaults to `1e-10`.
        output_norm: One of `"rms"`, `"layer"` and `None`, the normalisation of what each head
            reads, with one scale for all heads. Defaults to `None`, as in the paper; the public
            code has `"rms"`.
        output_gate: Name or function of a gate of the output. Defaults to `None`, none.
        **kwargs: Arguments of every sequence mixer (`causal`, by default `True`, `return_state`,
            `chunk`, the steps that are computed at once, by default 64), of the projections
            (`use_bias`, by default off, `kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as `keras.layers.Dense` has them) and of the base layer
            (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor as `return_state` gives it, or a list of it. Defaults to `None`,
            zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        As the input; with `return_state` a tuple of it and the state
        `(batch, heads, key_dim, value_dim)`, with one more column, `z`, where `normalize`.

    Weights:
        `features * heads * 2 * (key_dim + value_dim)
        + (feature_map == "product") * 4 * (key_dim + 1) * key_dim`, by default with
        `key_dim` = `features / heads` and `value_dim` = `features / heads`.

    Masking:
        A masked position takes no part; where causal, it carries the state unchanged. The mask is
        passed on.

    Numerics:
        Feature maps, sums and the quotient are float32 under 16-bit policies. `elu(x) + 1` is
        computed as `exp(x)` below zero, so that small features keep their digits. With maps that
        are not positive what is divided by may be near zero.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the features, a state is
            asked of a layer that is not causal, or the input, the initial state or the mask does
            not fit.

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

    only_causal = False

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
        **kwargs: Any,
    ) -> None:
        super().__init__(heads, key_dim, value_dim, output_norm, output_gate, **kwargs)
        self.feature_map = one_of("feature_map", feature_map, FEATURE_MAPS)
        self.normalize = bool(normalize)
        self.epsilon = non_negative("epsilon", epsilon)

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        if not self.causal:
            return []
        ((heads, key, value),) = super().state_shapes(width)
        return [(heads, key, value + self.normalize)]

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if self.feature_map == "product":
            key = self.sizes(self._width)[0]
            self.query_map, self.key_map = (
                self.project(key, name, use_bias=True, blocks=2, input_shape=(None, key))
                for name in ("query_map", "key_map")
            )

    def attend(
        self, x: Tensor, qkv: list[Tensor], states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        q, k, v = qkv
        if self.normalize:
            v = ops.concatenate([v, ops.ones_like(v[..., :1])], axis=-1)
        if self.causal:
            read, states = self.recall([q, k, v], ops.ones_like(q[..., :1]), states[0], mask)
        else:
            state = ops.einsum("bthk,bthv->bhkv", k, v)
            read = ops.einsum("bthk,bhkv->bthv", q, state)
        if self.normalize:
            read = read[..., :-1] / (read[..., -1:] + self.epsilon)
        return read, states

    def mapped(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        if self.feature_map == "product":
            return self._product(self.query_map, q), self._product(self.key_map, k)
        if self.feature_map == "elu":
            return _positive(q), _positive(k)
        return (ops.relu(q), ops.relu(k)) if self.feature_map == "relu" else (q, k)

    def _product(self, projection: Any, x: Tensor) -> Tensor:
        both = projection(ops.cast(x, self.compute_dtype))
        one, other = ops.split(ops.cast(both, self.state_dtype), 2, axis=-1)
        return one * other

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "feature_map": self.feature_map,
            "normalize": self.normalize,
            "epsilon": self.epsilon,
        }


def _positive(x: Tensor) -> Tensor:
    """`elu(x) + 1` without a difference: `exp(x)` below zero, `x + 1` above."""
    return ops.relu(x) + ops.exp(ops.minimum(x, 0))
