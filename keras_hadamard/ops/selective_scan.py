"""The selective scan: the op behind Mamba, whose states are never held all at once."""

from typing import Any

import keras
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.ops._attention_chunks import chunk_size
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import axis_size, ceil_div, compatible, static_shape
from keras_hadamard.ops._vjp import vjp
from keras_hadamard.ops.gated_scan import gated_scan


def selective_scan(
    x: Tensor,
    steps: Tensor,
    rates: Tensor,
    b: Tensor,
    c: Tensor,
    initial: Tensor | None = None,
    *,
    chunk: int = 64,
    return_state: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Selective state space scan: `y[t] = sum_n c[t] * h[t]`, `h[t] = a[t] * h[t-1] + b[t] u[t]`.

    `a[t] = exp(steps[t] rates)` and `u[t] = steps[t] * x[t]`. The state has `states` numbers for
    each channel. Time is cut into chunks, one after another, and within each of them `gated_scan`
    carries the state, so that the states of one chunk are the most that is held. The gradient
    computes the chunks again, in the other direction.

    Args:
        x: Float tensor `(batch, length, channels)`.
        steps: Float tensor of the shape of `x`, the time steps. A step of zero leaves the state as
            it is.
        rates: Float tensor `(channels, states)`, below zero for states that decay.
        b: Float tensor `(batch, length, groups, states)`, what enters the state. Each group is for
            as many channels, which follow each other.
        c: Float tensor of the shape of `b`, what reads the state.
        initial: Float tensor `(batch, channels, states)`, the state before the first step. Defaults
            to `None`, which is zero.
        chunk: Integer, steps of a chunk, a power of two. Defaults to `64`.
        return_state: Boolean, whether the state after the last step is returned too. Defaults to
            `False`.

    Returns:
        Tensor of the shape of `x`; with `return_state` a tuple of it and the state
        `(batch, channels, states)`.

    Numerics:
        Everything is computed in float32 for float16 and bfloat16 input and rounded once, on
        output. Sequences of more than one chunk are computed in a loop.

    Raises:
        ValueError: If the shapes do not fit, `channels`, `groups` or `states` are not known,
            `chunk` is not a power of two, or the tensors do not have one floating dtype.

    Example:

    >>> x = steps = keras.ops.ones((1, 3, 1))
    >>> b = c = keras.ops.ones((1, 3, 1, 1))
    >>> y = keras_hadamard.ops.selective_scan(x, steps, keras.ops.zeros((1, 1)), b, c)
    >>> [float(z) for z in y[0, :, 0]]
    [1.0, 2.0, 3.0]

    Reference:
        - [Mamba: Linear-Time Sequence Modeling with Selective State Spaces (Gu and Dao, 2023)](
          https://arxiv.org/abs/2312.00752)
    """
    _check_shapes(*(static_shape(tensor) for tensor in (x, steps, rates, b, c)))
    (batch, _, channels), states = static_shape(x), static_shape(rates)[-1] or 0
    if initial is not None and not compatible((batch, channels, states), static_shape(initial)):
        raise received(
            f"`initial` to be {(batch, channels, states)}", initial_shape=static_shape(initial)
        )
    whole = isinstance(chunk, int) and not isinstance(chunk, bool) and chunk > 0
    if not whole or chunk & (chunk - 1):
        raise received("`chunk` to be a power of two", chunk=chunk)
    options = {"chunk": chunk, "with_state": bool(return_state)}
    packed = _selective_scan(x, steps, rates, b, c, initial, **options)
    if not return_state:
        return packed
    return packed[:, :-states], keras.ops.transpose(packed[:, -states:], (0, 2, 1))


def _check_shapes(x: Shape, steps: Shape, rates: Shape, b: Shape, c: Shape) -> None:
    if len(x) != 3 or x[-1] is None or not compatible(x, steps):
        raise received(
            "`x` and `steps` to be (batch, length, channels) with known channels",
            x_shape=x,
            steps_shape=steps,
        )
    if len(rates) != 2 or rates[0] != x[-1] or not rates[1]:
        raise received(f"`rates` to be ({x[-1]}, states)", rates_shape=rates)
    groups = b[2] if len(b) == 4 else None
    fits = groups and x[-1] % groups == 0 and compatible((*x[:2], groups, rates[1]), b)
    if not fits or not compatible(b, c):
        raise received(
            f"`b` and `c` to be {(*x[:2], 'groups', rates[1])}, and groups to divide the channels",
            b_shape=b,
            c_shape=c,
        )
    if x[1] == 0:
        raise received("at least one step", x_shape=x)


def _chunk(
    state: Tensor, x: Tensor, steps: Tensor, rates: Tensor, b: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """The outputs of a chunk, and the state after it."""
    (size, channels), (groups, states) = x.shape[1:], b.shape[2:]
    # Products of each group are broadcast: XLA cannot differentiate a repetition in a loop.
    of_group = (-1, size, groups, channels // groups, 1)
    decay = tf.exp(steps[..., None] * rates)
    new = tf.reshape(steps * x, of_group) * b[:, :, :, None]
    h = gated_scan(decay, tf.reshape(new, (-1, size, channels, states)), state)
    y = tf.reshape(h, (*of_group[:-1], states)) * c[:, :, :, None]
    return tf.reshape(tf.reduce_sum(y, axis=-1), (-1, size, channels)), h[:, -1]


def _chunks(tensors: list[Tensor], size: int) -> list[Tensor]:
    """(batch, length, ...) to (chunks, batch, size, ...); what fills the last one is zero."""
    length = axis_size(tensors[0], 1)
    count = ceil_div(length, size)
    filled = []
    for x in tensors:
        x = tf.pad(x, [[0, 0], [0, count * size - length], *[[0, 0]] * (len(x.shape) - 2)])
        x = tf.reshape(x, (-1, count, size, *x.shape[2:]))
        filled.append(tf.einsum("bc...->cb...", x))
    return filled


def _whole(x: Tensor, like: Tensor) -> Tensor:
    """The inverse of `_chunks`, with the length and dtype of `like`."""
    count, size = axis_size(x, 0), x.shape[2]
    x = tf.reshape(tf.einsum("cb...->bc...", x), (-1, count * size, *x.shape[3:]))
    x = tf.cast(x[:, : axis_size(like, 1)], like.dtype)
    return tf.ensure_shape(x, like.shape)


def _loop(step: Any, count: Any, given: list[Tensor], carry: list[Tensor], reverse: bool) -> Any:
    """Runs `step(carry, *chunk)`, which gives the next carry and what is kept of the chunk."""
    if isinstance(count, int) and count == 1:
        carry, kept = step(carry, *(x[0] for x in given))
        return carry, [x[None] for x in kept]
    lists = [tf.TensorArray(x.dtype, size=count, clear_after_read=False).unstack(x) for x in given]
    shapes = [x[0].shape for x in given]
    # What is kept is known before the loop, from a step that nothing uses.
    kinds = [(x.dtype, x.shape) for x in step(carry, *(x[0] for x in given))[1]]
    outputs = [tf.TensorArray(dtype, size=count, element_shape=shape) for dtype, shape in kinds]
    known = [x.shape for x in carry]

    def body(i: Tensor, carry: list[Tensor], outputs: list[Any]) -> Any:
        t = count - 1 - i if reverse else i
        chunk = [tf.ensure_shape(x.read(t), shape) for x, shape in zip(lists, shapes, strict=True)]
        carry, kept = step(carry, *chunk)
        carry = [tf.ensure_shape(x, shape) for x, shape in zip(carry, known, strict=True)]
        return i + 1, carry, [a.write(t, x) for a, x in zip(outputs, kept, strict=True)]

    _, carry, outputs = tf.while_loop(
        lambda i, *_: i < count,
        body,
        (tf.constant(0), carry, outputs),
        maximum_iterations=count,
    )
    return carry, [x.stack() for x in outputs]


def _begun(initial: Tensor | None, x: Tensor, rates: Tensor) -> Tensor:
    dtype = accumulation_dtype(x.dtype)
    if initial is not None:
        return tf.cast(initial, dtype)
    return tf.zeros((axis_size(x, 0), *rates.shape), dtype)


def _gradient(
    upstream: Tensor,
    output: Tensor,
    x: Tensor,
    steps: Tensor,
    rates: Tensor,
    b: Tensor,
    c: Tensor,
    initial: Tensor | None,
    *,
    chunk: int,
    with_state: bool,
) -> tuple[Tensor | None, ...]:
    del output
    size, dtype, states = chunk_size(x, chunk), accumulation_dtype(x.dtype), rates.shape[-1]
    first, a = _begun(initial, x, rates), tf.cast(rates, dtype)
    last = tf.zeros_like(first)
    if with_state:
        last = tf.transpose(tf.cast(upstream[:, -states:], dtype), (0, 2, 1))
        upstream = upstream[:, :-states]
    given = _chunks([tf.cast(t, dtype) for t in (x, steps, b, c, upstream)], size)
    count = ceil_div(axis_size(x, 1), size)

    def forward(carry: list[Tensor], x: Tensor, steps: Tensor, b: Tensor, c: Tensor) -> Any:
        return [_chunk(carry[0], x, steps, a, b, c)[1]], [carry[0]]

    _, (before,) = _loop(forward, count, given[:4], [first], False)

    def backward(carry: list[Tensor], *chunk: Tensor) -> Any:
        of_state, of_rates = carry
        x, steps, b, c, of_y, state = chunk
        _, pullback = vjp(_chunk, state, x, steps, a, b, c)
        of_state, of_x, of_steps, more, of_b, of_c = pullback(of_y, of_state)
        return [of_state, of_rates + more], [of_x, of_steps, of_b, of_c]

    (of_first, of_rates), grads = _loop(
        backward, count, [*given, before], [last, tf.zeros_like(a)], True
    )
    of_x, of_steps, of_b, of_c = (
        _whole(g, t) for g, t in zip(grads, (x, steps, b, c), strict=True)
    )
    of_initial = None if initial is None else tf.cast(of_first, initial.dtype)
    return of_x, of_steps, tf.cast(of_rates, rates.dtype), of_b, of_c, of_initial


@custom_op(gradient=_gradient)
def _selective_scan(
    x: Tensor,
    steps: Tensor,
    rates: Tensor,
    b: Tensor,
    c: Tensor,
    initial: Tensor | None,
    *,
    chunk: int,
    with_state: bool,
) -> Tensor:
    """The output, followed by the rows of the state, as if they were steps."""
    size, dtype = chunk_size(x, chunk), accumulation_dtype(x.dtype)
    a, first = tf.cast(rates, dtype), _begun(initial, x, rates)
    given = _chunks([tf.cast(t, dtype) for t in (x, steps, b, c)], size)

    def step(carry: list[Tensor], x: Tensor, steps: Tensor, b: Tensor, c: Tensor) -> Any:
        y, state = _chunk(carry[0], x, steps, a, b, c)
        return [state], [y]

    count = ceil_div(axis_size(x, 1), size)
    (state,), (y,) = _loop(step, count, given, [first], False)
    y = _whole(y, x)
    if not with_state:
        return y
    return tf.concat([y, tf.cast(tf.transpose(state, (0, 2, 1)), y.dtype)], axis=1)
