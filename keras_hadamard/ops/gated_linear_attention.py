"""Linear attention whose memory decays: the op behind the gated and the retentive mixers."""

import keras
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.ops._attention_chunks import (
    chunk_size,
    from_chunks,
    to_chunks,
    within,
)
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import axis_size, ceil_div, compatible, static_shape
from keras_hadamard.ops._vjp import vjp
from keras_hadamard.ops.gated_scan import gated_scan


def gated_linear_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor | None = None,
    initial: Tensor | None = None,
    *,
    chunk: int = 64,
    return_state: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Linear attention with decays: `o[t] = q[t] S[t] with S[t] = decay[t] * S[t-1] + k[t] v[t]`.

    `S` is a matrix `(keys, values)` for each head, `k[t] v[t]` the outer product, and the decay is
    one for each of its rows or one for all of them. Within chunks of steps, queries meet keys in
    matrix products; between chunks, `gated_scan` carries the state. Time and memory grow with the
    length, not with its square. Nothing is divided by a product of decays, and no logarithm is
    taken, so decays of exactly 0 and 1 and very small ones need no special case. The gradient is
    analytic: the chunks are computed again, and the gradient of the states is one scan in the other
    direction, so that only the arguments are kept.

    Args:
        q: Float tensor `(batch, length, heads, keys)`, the queries, already scaled.
        k: Float tensor of the shape of `q`, the keys.
        v: Float tensor `(batch, length, heads, values)`, the values.
        decay: Float tensor `(batch, length, heads, keys)`, or `(batch, length, heads, 1)` for one
            decay for all channels of a head, which costs less. Defaults to `None`, no decay, which
            costs least: linear attention.
        initial: Float tensor `(batch, heads, keys, values)`, the state before the first step.
            Defaults to `None`, which is zero.
        chunk: Integer, steps of a chunk, a power of two. Defaults to `64`.
        return_state: Boolean, whether the state after the last step is returned too. Defaults to
            `False`.

    Returns:
        Tensor `(batch, length, heads, values)`; with `return_state` a tuple of it and the state
        `(batch, heads, keys, values)`.

    Numerics:
        Everything is computed in float32 for float16 and bfloat16 input and rounded once, on
        output.

    Raises:
        ValueError: If the shapes do not fit, `keys` or `values` are not known, `chunk` is not a
            power of two, or the tensors do not have one floating dtype.

    Example:

    >>> q = k = v = keras.ops.ones((1, 3, 1, 1))
    >>> o = keras_hadamard.ops.gated_linear_attention(q, k, v, 0.5 * q)
    >>> [float(x) for x in o[0, :, 0, 0]]
    [1.0, 1.5, 1.75]

    Reference:
        - [Gated Linear Attention Transformers with Hardware-Efficient Training (Yang et al.,
          2023)](https://arxiv.org/abs/2312.06635)
    """
    _check_shapes(*(static_shape(x) for x in (q, k, v, q if decay is None else decay)))
    if initial is not None:
        (batch, _, heads, keys), values = static_shape(q), static_shape(v)[-1]
        if not compatible((batch, heads, keys, values), static_shape(initial)):
            raise received(
                f"`initial` to be {(batch, heads, keys, values)}",
                initial_shape=static_shape(initial),
            )
    whole = isinstance(chunk, int) and not isinstance(chunk, bool) and chunk > 0
    if not whole or chunk & (chunk - 1):
        raise received("`chunk` to be a power of two", chunk=chunk)
    options = {"chunk": chunk, "with_state": bool(return_state)}
    packed = _gated_linear_attention(q, k, v, decay, initial, **options)
    if not return_state:
        return packed
    keys = static_shape(q)[-1] or 0
    return packed[:, :-keys], keras.ops.transpose(packed[:, -keys:], (0, 2, 1, 3))


def _check_shapes(q: Shape, k: Shape, v: Shape, decay: Shape) -> None:
    if len(q) != 4 or q[-1] is None or not compatible(q, k):
        raise received(
            "`q` and `k` to be (batch, length, heads, keys) with known keys", q_shape=q, k_shape=k
        )
    if len(v) != 4 or v[-1] is None or not compatible(q[:3], v[:3]):
        raise received(f"`v` to be {q[:3]} and known values", v_shape=v)
    if len(decay) != 4 or decay[-1] not in (1, q[-1]) or not compatible(q[:3], decay[:3]):
        raise received(f"`decay` to be {q} or {(*q[:3], 1)}", decay_shape=decay)
    if 0 in (q[1], q[3], v[3]):
        raise received("at least one step, key and value", q_shape=q, v_shape=v)


def _gradient(
    upstream: Tensor,
    output: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor | None,
    initial: Tensor | None,
    *,
    chunk: int,
    with_state: bool,
) -> tuple[Tensor | None, ...]:
    del output
    size = chunk_size(q, chunk)
    keys, values = q.shape[-1], v.shape[-1]
    queries, to_store, stored = (to_chunks(x, size) for x in (q, k, v))
    decays = [] if decay is None else [to_chunks(decay, size, fill=1.0)]
    # Sums of products of the arguments: autodiff only has to leave one out.
    parts, pullback = vjp(within, queries, to_store, *decays)
    scores, from_start, to_end, *total = parts
    product, before, _ = _states(to_end, stored, total, initial, q)
    dtype, shape = product.dtype, tf.shape(product)
    if with_state:
        last = tf.transpose(tf.cast(upstream[:, -keys:], dtype), (0, 2, 1, 3))
        last = tf.reshape(last, (-1, keys, values))
        upstream = upstream[:, :-keys]
    else:
        last = tf.zeros_like(product[:, 0])
    upstream = to_chunks(upstream, size)
    # The gradient of the state before each chunk, which is the one after the previous chunk.
    of_before = tf.reshape(tf.matmul(from_start, upstream, transpose_a=True), shape)
    of_before = gated_scan(product, of_before, last, reverse=True)
    of_after = tf.concat([of_before[:, 1:], last[:, None]], axis=1)
    of_total = [tf.reduce_sum(of_after * before, axis=-1) for _ in total]
    if total and total[0].shape[-1] == 1:
        of_total = [tf.reduce_sum(of_total[0], axis=-1, keepdims=True)]
    before, of_after = (tf.reshape(x, (-1, keys, values)) for x in (before, of_after))
    of_parts = (
        tf.matmul(upstream, stored, transpose_b=True),
        tf.matmul(upstream, before, transpose_b=True),
        tf.matmul(stored, of_after, transpose_b=True),
        *(tf.reshape(x, tf.shape(y)) for x, y in zip(of_total, total, strict=True)),
    )
    of_v = tf.matmul(scores, upstream, transpose_a=True) + tf.matmul(to_end, of_after)
    of_q, of_k, *of_decay = (from_chunks(x, q) for x in pullback(*of_parts))
    of_initial = None
    if initial is not None:
        of_initial = tf.cast(tf.reshape(of_before[:, 0], tf.shape(initial)), initial.dtype)
    return of_q, of_k, from_chunks(of_v, v), *(of_decay or [None]), of_initial


@custom_op(gradient=_gradient)
def _gated_linear_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor | None,
    initial: Tensor | None,
    *,
    chunk: int,
    with_state: bool,
) -> Tensor:
    """The output, followed by the rows of the state, as if they were steps."""
    size = chunk_size(q, chunk)
    queries, to_store, stored = (to_chunks(x, size) for x in (q, k, v))
    decays = [] if decay is None else [to_chunks(decay, size, fill=1.0)]
    scores, from_start, to_end, *total = within(queries, to_store, *decays)
    _, before, after = _states(to_end, stored, total, initial, q)
    keys, values = q.shape[-1], v.shape[-1]
    output = tf.matmul(scores, stored)
    output += tf.matmul(from_start, tf.reshape(before, (-1, keys, values)))
    output = from_chunks(output, v)
    if not with_state:
        return output
    last = tf.reshape(after[:, -1], (axis_size(q, 0), axis_size(q, 2), keys, values))
    return tf.concat([output, tf.cast(tf.transpose(last, (0, 2, 1, 3)), v.dtype)], axis=1)


def _states(
    to_end: Tensor, stored: Tensor, total: list[Tensor], initial: Tensor | None, like: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What each chunk multiplies the state by, and the states before and after each chunk."""
    size = to_end.shape[1]
    keys, values = to_end.shape[-1], stored.shape[-1]
    count = ceil_div(axis_size(like, 1), size)
    new = tf.reshape(tf.matmul(to_end, stored, transpose_a=True), (-1, count, keys, values))
    product = tf.ones_like(new)
    for one in total:
        product *= tf.reshape(one, (-1, count, one.shape[-1], 1))
    if initial is None:
        first = tf.zeros_like(new[:, 0])
    else:
        first = tf.reshape(tf.cast(initial, new.dtype), (-1, keys, values))
    after = gated_scan(product, new, first)
    return product, tf.concat([first[:, None], after[:, :-1]], axis=1), after
