"""Lowerings of the gated scan: sequential under XLA, in chunks of steps in a graph.

Both compute `h = a h' + b` with the carry `h` or, with `transpose`, `h = b + carry` with the carry
`a h`. Each of the two is the adjoint of the other one in the other direction.
"""

from typing import Any

import tensorflow as tf

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._shapes import axis_size, ceil_div
from keras_hadamard.ops._xla import dynamic_update_slice

# Steps in one iteration of XLA's loop.
UNROLL = 2
# Steps in a block, which are as many operations of a graph.
BLOCK = 64


def step_of(x: Tensor, t: Tensor | int, axis: int) -> Tensor:
    return x[(slice(None),) * axis + (t,)]


def sequential_scan(
    a: Tensor, b: Tensor, initial: Tensor | None, *, axis: int, reverse: bool, transpose: bool
) -> Tensor:
    """XLA's lowering writes states in place, so nothing is moved or stacked."""
    dtype = accumulation_dtype(a.dtype)
    length = axis_size(a, axis)

    def at(x: Tensor, i: Tensor | int) -> Tensor:
        return tf.cast(step_of(x, length - 1 - i if reverse else i, axis), dtype)

    def write(output: Tensor, h: Tensor, i: Tensor | int) -> Tensor:
        start = [0] * len(a.shape)
        start[axis] = length - 1 - i if reverse else i
        return dynamic_update_slice(output, tf.expand_dims(tf.cast(h, a.dtype), axis), start)

    def step(i: Tensor, h: Tensor, output: Tensor) -> tuple[Tensor, ...]:
        # The transpose takes the decay of the step before, so the carry is the state either way.
        h = at(a, i - 1 if transpose else i) * h + at(b, i)
        return i + 1, h, write(output, h, i)

    def steps(*state: Tensor) -> tuple[Tensor, ...]:
        for _ in range(UNROLL):
            state = step(*state)
        return state

    h = at(b, 0)
    if initial is not None:
        initial = tf.cast(initial, dtype)
        h += initial if transpose else at(a, 0) * initial
    state = (tf.constant(1), h, write(tf.zeros_like(a), h, 0))
    # Iterations of several steps, then the remaining steps one by one.
    turns, left = (length - 1) // UNROLL, (length - 1) % UNROLL
    if not isinstance(turns, int) or turns:
        state = _loop(steps, state, turns * UNROLL + 1, turns)
    if not isinstance(left, int):
        return _loop(step, state, length, left)[2]
    for _ in range(left):
        state = step(*state)
    return state[2]


def _loop(body: Any, state: tuple[Tensor, ...], end: Tensor | int, turns: Tensor | int) -> Any:
    return tf.while_loop(lambda i, *_: i < end, body, state, maximum_iterations=turns)


def chunked_scan(
    a: Tensor, b: Tensor, initial: Tensor | None, *, axis: int, reverse: bool, transpose: bool
) -> Tensor:
    """A graph's lowering: the steps of a block one by one, for all blocks at once.

    It has no list of tensors and, where the length is known, no loop, so it runs anywhere.
    """
    shape, static, given = tf.shape(a), a.shape, a.dtype
    dtype = accumulation_dtype(given)
    inner = static[axis + 1 :].num_elements()
    inner = tf.reduce_prod(shape[axis + 1 :]) if inner is None else inner
    length = shape[axis] if static[axis] is None else static[axis]
    a, b = (tf.reshape(tf.cast(x, dtype), (-1, length, inner)) for x in (a, b))
    if initial is None:
        carry = tf.zeros_like(a[:, 0])
    else:
        carry = tf.reshape(tf.cast(initial, dtype), (-1, inner))
    h = _blocks(a, b, carry, reverse, transpose)
    return tf.ensure_shape(tf.reshape(tf.cast(h, given), shape), static)


def _blocks(a: Tensor, b: Tensor, carry: Tensor, reverse: bool, transpose: bool) -> Tensor:
    """The scan along the middle of three axes."""
    known, inner = a.shape[1], a.shape[2]
    if known is not None and known <= BLOCK:
        decays, new = tf.unstack(a, axis=1), tf.unstack(b, axis=1)
        return tf.stack(_chain(decays, new, carry, reverse, transpose)[0], axis=1)
    length = tf.shape(a)[1] if known is None else known
    count = ceil_div(length, BLOCK)
    size = BLOCK if known is None else -(-known // count)
    inner = tf.shape(a)[2] if inner is None else inner
    shape = (-1, count, size, inner)
    # The padding passes the carry through: run backwards, it comes first.
    more = [[0, 0], [0, count * size - length], [0, 0]]
    a, b = tf.pad(a, more, constant_values=1), tf.pad(b, more)
    decays, new = (tf.unstack(tf.reshape(x, shape), axis=2) for x in (a, b))
    product = tf.reduce_prod(tf.reshape(a, shape), axis=2)
    gathered = _chain(decays, new, tf.zeros_like(decays[0]), reverse, transpose)[1]
    # For whole blocks: the carry after a block is its product times the carry before it, plus its
    # sum.
    combine = _doubling if known is None else _blocks
    after = combine(product, gathered, carry, reverse, False)
    carry = tf.expand_dims(carry, 1)
    edges = [after[:, 1:], carry] if reverse else [carry, after[:, :-1]]
    h = tf.stack(_chain(decays, new, tf.concat(edges, axis=1), reverse, transpose)[0], axis=2)
    return tf.reshape(h, (-1, count * size, inner))[:, :length]


def _chain(
    decays: list[Tensor], new: list[Tensor], carry: Tensor, reverse: bool, transpose: bool
) -> tuple[list[Tensor], Tensor]:
    """The state of every step, and the carry after the last one."""
    states = []
    pairs = list(zip(decays, new, strict=True))
    for decay, x in reversed(pairs) if reverse else pairs:
        h = x + carry if transpose else decay * carry + x
        carry = decay * h if transpose else h
        states.append(h)
    return states[::-1] if reverse else states, carry


def _doubling(a: Tensor, b: Tensor, carry: Tensor, reverse: bool, transpose: bool) -> Tensor:
    """The scan of an unknown number of blocks, by combining blocks at doubling distances."""
    del transpose  # Between blocks this is the plain scan.
    length = tf.shape(a)[1]

    def moved(x: Tensor, by: Tensor, fill: float) -> Tensor:
        gap = [[0, 0], [0, by] if reverse else [by, 0], [0, 0]]
        return tf.pad(x[:, by:] if reverse else x[:, : length - by], gap, constant_values=fill)

    def combined(by: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        return 2 * by, a * moved(a, by, 1), a * moved(b, by, 0) + b

    a, b = tf.while_loop(lambda by, *_: by < length, combined, (tf.constant(1), a, b))[1:]
    return a * tf.expand_dims(carry, 1) + b
