"""Heads of delta rules: queries, keys and values after a short convolution, and the recurrence."""

from typing import Any

from keras import ops

from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers.pairwise._heads import EPSILON, NORMS, in_heads, of_unmasked
from keras_hadamard.layers.pairwise._short_conv import convolved, short_conv
from keras_hadamard.ops import delta_rule


def project_delta(
    layer: Any, input_shape: Shape, key_heads: int, key: int, value: int, conv_bias: bool = False
) -> None:
    """Makes the projections, the convolution of all three, the shares and the norm of a head."""
    keys, values = key_heads * key, layer.heads * value
    layer.query_projection = layer.project(keys, "query_projection", input_shape=input_shape)
    layer.key_projection = layer.project(keys, "key_projection", input_shape=input_shape)
    layer.value_projection = layer.project(values, "value_projection", input_shape=input_shape)
    layer.share_projection = layer.project(layer.heads, "share_projection", input_shape=input_shape)
    layer.conv = short_conv(layer, 2 * keys + values, conv_bias)
    norm = NORMS[layer.output_norm]
    layer.norm = norm(epsilon=EPSILON, dtype=layer.state_dtype, name="norm")
    layer.norm.build((*input_shape[:-1], layer.heads, value))
    layer.output_projection = layer.project(
        input_shape[-1], "output_projection", input_shape=(*input_shape[:-1], values)
    )


def channels(key_heads: int, heads: int, key: int, value: int) -> int:
    """The width of queries, keys and values together."""
    return 2 * key_heads * key + heads * value


def queries_keys_values(
    layer: Any, x: Tensor, latest: list[Tensor], mask: Tensor | None, key_heads: int
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """All three after the convolution, in heads, and the convolution's state."""
    parts = [layer.query_projection(x), layer.key_projection(x), layer.value_projection(x)]
    keys = parts[0].shape[-1]
    joined, latest = convolved(layer, ops.concatenate(parts, axis=-1), latest, mask)
    dtype, counts = layer.state_dtype, (key_heads, key_heads, layer.heads)
    split = ops.split(joined, [keys, 2 * keys], axis=-1)
    q, k, v = (in_heads(part, count, dtype) for part, count in zip(split, counts, strict=True))
    return q, k, v, latest


def unit(x: Tensor) -> Tensor:
    """Vectors of length one, and zero where they are zero."""
    return x * ops.rsqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-6)


def shares(layer: Any, x: Tensor) -> Tensor:
    """How much of the error of each step is corrected, (batch, length, heads)."""
    share = ops.sigmoid(ops.cast(layer.share_projection(x), layer.state_dtype))
    return 2 * share if layer.negative_eigenvalues else share


def delta_recurrence(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    decay: Tensor | None,
    state: Tensor,
    mask: Tensor | None,
    chunk: int,
) -> tuple[Tensor, Tensor]:
    """The outputs, and the state after the last position.

    Masked positions carry the state unchanged. Keys that serve several heads are repeated.
    """
    q = q * q.shape[-1] ** -0.5
    if v.shape[2] != k.shape[2]:
        q, k = (ops.repeat(x, v.shape[2] // k.shape[2], axis=2) for x in (q, k))
    if mask is not None:
        k = of_unmasked(mask, k)
        if decay is not None:
            decay = ops.where(mask[:, :, None, None], decay, ops.ones_like(decay))
    output, state = delta_rule(q, k, v, beta, decay, state, chunk=chunk, return_state=True)
    return output, state
