"""The generalised delta rule: the op behind the mixers that correct what they remember."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.ops._attention_chunks import (
    Reader,
    chunk_size,
    from_chunks,
    meetings,
    to_chunks,
)
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._derivatives import spread
from keras_hadamard.ops._matrix_scan import matrix_scan
from keras_hadamard.ops._shapes import axis_size, ceil_div, compatible, static_shape
from keras_hadamard.ops._vjp import vjp


def delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    decay: Tensor | None = None,
    initial: Tensor | None = None,
    *,
    read: Tensor | None = None,
    chunk: int = 64,
    return_state: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Linear attention that corrects its memory by the delta rule.

    `S[t] = R[t] + k[t] (beta[t] * (v[t] - k[t] R[t]))` with the decayed state `R[t] = decay[t] *
    S[t-1]`, and `o[t] = q[t] S[t]` is the output. `S` is a matrix
    `(keys, values)` for each head and products of vectors are outer ones. What the memory holds for
    a key is moved towards the new value, by the share `beta`. Without a decay this is DeltaNet's
    rule, with one decay a head that of Gated DeltaNet, with one for each key channel that of Kimi
    Delta Attention.

    With `read`, the correction is general: `S[t] = decay[t] * S[t-1] + beta[t] (read[t] S[t-1]) +
    k[t] v[t]`. `read` reads the state before it is decayed, and `beta` is the vector by which that
    is written back. The transition is any diagonal plus any matrix of rank one, as in RWKV-7.

    Within chunks of steps, the corrections are the solution of a triangular system, which is
    inverted by halves in matrix products; between chunks, the state is carried by one matrix
    product. Time and memory grow with the length, not with its square. Products of decays are built
    up by doubling: nothing is divided and no logarithm is taken, so decays of exactly 0 and 1 and
    very small ones need no special case. The gradient computes the chunks again, so that only the
    arguments are kept.

    Args:
        q: Float tensor `(batch, length, heads, keys)`, the queries, already scaled.
        k: Float tensor of the shape of `q`, the keys. Of length one, they keep the state bounded
            for `beta` from 0 to 2; they are not normalised here.
        v: Float tensor `(batch, length, heads, values)`, the values.
        beta: Float tensor `(batch, length, heads)`, the shares, or `(batch, length, heads, values)`
            for one for each value channel, which costs as much as that many heads. With `read`, of
            the shape of `q`.
        decay: Float tensor `(batch, length, heads, keys)`, or `(batch, length, heads, 1)` for one
            decay for all channels of a head, which costs less. Defaults to `None`, which is one.
        initial: Float tensor `(batch, heads, keys, values)`, the state before the first step.
            Defaults to `None`, which is zero.
        read: Float tensor of the shape of `q`, what reads the state. Defaults to `None`: the key,
            for the error of the value.
        chunk: Integer, steps of a chunk, a power of two. Defaults to `64`.
        return_state: Boolean, whether the state after the last step is returned too. Defaults to
            `False`.

    Returns:
        Tensor `(batch, length, heads, values)`; with `return_state` a tuple of it and the state
        `(batch, heads, keys, values)`.

    Numerics:
        Everything is computed in float32 for float16 and bfloat16 input and rounded once, on
        output. In a graph, up to 64 chunks are computed without a loop or a list of tensors.

    Raises:
        ValueError: If the shapes do not fit, `keys` or `values` are not known, `chunk` is not a
            power of two, or the tensors do not have one floating dtype.

    Example:

    >>> q = k = keras.ops.ones((1, 3, 1, 1))
    >>> v = keras.ops.reshape(keras.ops.convert_to_tensor([1.0, 3.0, 3.0]), (1, 3, 1, 1))
    >>> o = keras_hadamard.ops.delta_rule(q, k, v, 0.5 * k[..., 0])
    >>> [float(x) for x in o[0, :, 0, 0]]
    [0.5, 1.75, 2.375]

    Reference:
        - [Parallelizing Linear Transformers with the Delta Rule over Sequence Length (Yang et al.,
          2024)](https://arxiv.org/abs/2406.06484)
        - [Gated Delta Networks: Improving Mamba2 with Delta Rule (Yang et al., 2024)](
          https://arxiv.org/abs/2412.06464)
    """
    of_q, of_v = static_shape(q), static_shape(v)
    _check_shapes(of_q, static_shape(k), of_v)
    of_beta = static_shape(beta)
    if read is not None:
        if not compatible(of_q, static_shape(read)) or not compatible(of_q, of_beta):
            raise received(
                f"`read` and `beta` to be {of_q}", read_shape=static_shape(read), beta_shape=of_beta
            )
    elif not compatible(of_q[:3], of_beta) and not compatible(of_v, of_beta):
        raise received(f"`beta` to be {of_q[:3]} or {of_v}", beta_shape=of_beta)
    if decay is not None:
        of_decay = static_shape(decay)
        one = compatible((*of_q[:3], 1), of_decay) and of_decay[-1] == 1
        if not one and (not compatible(of_q, of_decay) or of_decay[-1] is None):
            raise received(f"`decay` to be {of_q} or {(*of_q[:3], 1)}", decay_shape=of_decay)
    if initial is not None:
        (batch, _, heads, keys), values = of_q, of_v[-1]
        if not compatible((batch, heads, keys, values), static_shape(initial)):
            raise received(
                f"`initial` to be {(batch, heads, keys, values)}",
                initial_shape=static_shape(initial),
            )
    whole = isinstance(chunk, int) and not isinstance(chunk, bool) and chunk > 0
    if not whole or chunk & (chunk - 1):
        raise received("`chunk` to be a power of two", chunk=chunk)
    options = {"chunk": chunk, "with_state": bool(return_state)}
    packed = _delta_rule(q, k, v, beta, decay, initial, read, **options)
    if not return_state:
        return packed
    keys = of_q[-1] or 0
    return packed[:, :-keys], keras.ops.transpose(packed[:, -keys:], (0, 2, 1, 3))


def _check_shapes(q: Shape, k: Shape, v: Shape) -> None:
    if len(q) != 4 or q[-1] is None or not compatible(q, k):
        raise received(
            "`q` and `k` to be (batch, length, heads, keys) with known keys", q_shape=q, k_shape=k
        )
    if len(v) != 4 or v[-1] is None or not compatible(q[:3], v[:3]):
        raise received(f"`v` to be {q[:3]} and known values", v_shape=v)
    if 0 in (q[1], q[3], v[3]):
        raise received("at least one step, key and value", q_shape=q, v_shape=v)


def _gradient(
    upstream: Tensor, output: Tensor, *tensors: Tensor | None, **options: Any
) -> tuple[Tensor | None, ...]:
    del output
    given = tuple(t is not None for t in tensors)
    formula = _of_given(given, tuple(options.items()))
    _, pullback = vjp(formula, *(t for t in tensors if t is not None))
    return tuple(spread(pullback(upstream), given))


@functools.cache
def _of_given(given: tuple[bool, ...], options: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    """The formula of the tensors that are given, the same object each time."""
    return lambda *tensors: _formula(*spread(tensors, given), **dict(options))


@custom_op(gradient=_gradient)
def _delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    decay: Tensor | None,
    initial: Tensor | None,
    read: Tensor | None,
    *,
    chunk: int,
    with_state: bool,
) -> Tensor:
    """The output, followed by the rows of the state, as if they were steps."""
    return _formula(q, k, v, beta, decay, initial, read, chunk=chunk, with_state=with_state)


def _formula(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    decay: Tensor | None,
    initial: Tensor | None,
    read: Tensor | None,
    *,
    chunk: int,
    with_state: bool,
) -> Tensor:
    if read is None and len(beta.shape) == 4:
        return _by_value_channels(q, k, v, beta, decay, initial, chunk, with_state)
    size, keys, values = chunk_size(q, chunk), q.shape[-1], v.shape[-1]
    decay = tf.ones_like(q[..., :1]) if decay is None else decay
    beta = beta[..., None] if read is None else beta
    queries, stored, new, shares = (to_chunks(x, size) for x in (q, k, v, beta))
    decays = to_chunks(decay, size, fill=1.0)
    if read is None:
        readers = [Reader(queries), Reader(stored, written=False)]
        ((scores,), (system,)), (from_start, reads), (to_end,), total = meetings(
            readers, [stored], decays
        )
        system, sources = -shares * system, shares * tf.concat([new, -reads], axis=2)
    else:
        readers = [Reader(queries), Reader(to_chunks(read, size), decayed=False, written=False)]
        ((direct, scores), (held, system)), (from_start, reads), (kept, to_end), total = meetings(
            readers, [stored, shares], decays
        )
        sources = tf.concat([tf.matmul(held, new), reads], axis=2)
    # What is written, (I - system)^-1 sources: a part of its own, and one that the state causes.
    own, caused = tf.split(tf.matmul(_inverse(system), sources), [values, keys], axis=2)
    gained = tf.matmul(to_end, own, transpose_a=True)
    if read is not None:
        gained += tf.matmul(kept, new, transpose_a=True)
    transition = tf.matmul(to_end, caused, transpose_a=True)
    transition += tf.linalg.diag(tf.broadcast_to(total[:, 0], tf.shape(caused[:, 0])))
    before, last = _states(transition, gained, initial, q, size)
    output = tf.matmul(from_start, before) + tf.matmul(scores, own + tf.matmul(caused, before))
    if read is not None:
        output += tf.matmul(direct, new)
    output = from_chunks(output, v)
    if not with_state:
        return output
    last = tf.reshape(last, (axis_size(q, 0), axis_size(q, 2), keys, values))
    return tf.concat([output, tf.cast(tf.transpose(last, (0, 2, 1, 3)), v.dtype)], axis=1)


def _inverse(system: Tensor) -> Tensor:
    """`(I - system)^-1` of strictly lower triangles `(n, size, size)`, by halves."""
    size = system.shape[-1]
    if size == 1:
        return tf.ones_like(system)
    half = size // 2
    corners = tf.concat([system[:, :half, :half], system[:, half:, half:]], axis=0)
    one, other = tf.split(_inverse(corners), 2, axis=0)
    cross = tf.matmul(tf.matmul(other, system[:, half:, :half]), one)
    upper = tf.concat([one, tf.zeros_like(one)], axis=2)
    return tf.concat([upper, tf.concat([cross, other], axis=2)], axis=1)


def _states(
    transition: Tensor, gained: Tensor, initial: Tensor | None, like: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """The states before each chunk, and the one after the last."""
    keys, values = gained.shape[1:]
    count = ceil_div(axis_size(like, 1), size)
    transition = tf.reshape(transition, (-1, count, keys, keys))
    gained = tf.reshape(gained, (-1, count, keys, values))
    if initial is None:
        first = tf.zeros_like(gained[:, 0])
    else:
        first = tf.reshape(tf.cast(initial, gained.dtype), (-1, keys, values))
    if isinstance(count, int) and count == 1:
        return first, tf.matmul(transition[:, 0], first) + gained[:, 0]
    after = matrix_scan(transition, gained, first, reverse=False)
    before = tf.concat([first[:, None], after[:, :-1]], axis=1)
    return tf.reshape(before, (-1, keys, values)), after[:, -1]


def _by_value_channels(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    decay: Tensor | None,
    initial: Tensor | None,
    chunk: int,
    with_state: bool,
) -> Tensor:
    """With a share for each value channel, each channel is a head of its own."""
    batch, length, heads, values = (axis_size(v, axis) for axis in range(4))
    q, k, decay = (x if x is None else tf.repeat(x, values, axis=2) for x in (q, k, decay))
    if initial is not None:
        initial = tf.transpose(initial, (0, 1, 3, 2))
        initial = tf.reshape(initial, (batch, heads * values, q.shape[-1], 1))
    flat = (batch, length, heads * values)
    packed = _formula(
        *(q, k, tf.reshape(v, (*flat, 1)), tf.reshape(beta, flat), decay, initial, None),
        chunk=chunk,
        with_state=with_state,
    )
    return tf.reshape(packed, (batch, -1, heads, values))
