"""The first-order linear recurrence that carries every gated linear recurrent layer."""

import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._gated_scan_lowerings import chunked_scan, sequential_scan, step_of
from keras_hadamard.ops._shapes import compatible, static_shape
from keras_hadamard.ops.glu import glu


def gated_scan(
    a: Tensor, b: Tensor, initial: Tensor | None = None, *, axis: int = 1, reverse: bool = False
) -> Tensor:
    """Gated linear recurrence `h[t] = a[t] * h[t-1] + b[t]` along an axis.

    Under XLA, steps are computed one by one and written in place. In a graph, the steps of a block
    are computed one by one, for all blocks at once, without a list or, where the length is known, a
    loop, so that it runs in LiteRT without further operations. Products never go through logarithms
    or quotients of cumulative products, so decays of exactly 0 and 1 and negative ones need no
    special case. The gradient is analytic: one scan in the other direction, which keeps only `a`
    and `h`.

    Args:
        a: Float tensor, the decay of each step, of any shape with the axis `axis`.
        b: Float tensor of the shape of `a`, the input of each step.
        initial: Float tensor, the state before the first step, of the shape of `a` without `axis`.
            Defaults to `None`, which is zero.
        axis: Integer, the axis to run along. Defaults to `1`.
        reverse: Boolean, whether to run from the last step to the first:
            `h[t] = a[t] * h[t+1] + b[t]`. Defaults to `False`.

    Returns:
        Tensor of the shape of `a`, the state after every step.

    Numerics:
        The state is float32 for float16 and bfloat16 input and is rounded once, on output. In a
        graph, the product of the decays of a block is computed too, which overflows if they are far
        above one.

    Raises:
        ValueError: If `a` and `b` differ in shape, `axis` is not one of theirs, `initial` does not
            fit, or the tensors do not have one floating dtype.

    Example:

    >>> a = keras.ops.full((1, 4, 1), 0.5)
    >>> b = keras.ops.ones((1, 4, 1))
    >>> h = keras_hadamard.ops.gated_scan(a, b)
    >>> [float(x) for x in h[0, :, 0]]
    [1.0, 1.5, 1.75, 1.875]

    Reference:
        - [Parallelizing Linear Recurrent Neural Nets (Martin and Cundy, 2018)](
          https://arxiv.org/abs/1709.04057)
    """
    shape, other = static_shape(a), static_shape(b)
    rank = len(shape)
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise received(f"`axis` to be an axis of `a`, whose rank is {rank}", axis=axis)
    axis %= rank
    if not compatible(shape, other):
        raise received("`a` and `b` to have the same shape", a_shape=shape, b_shape=other)
    state_shape = shape[:axis] + shape[axis + 1 :]
    if initial is not None and not compatible(state_shape, static_shape(initial)):
        raise received(
            f"`initial` to have the shape of `a` without axis {axis}, {state_shape}",
            initial_shape=static_shape(initial),
        )
    if shape[axis] == 0:
        # No steps: the product has the right shape, and as an op it checks dtypes as strictly.
        return glu(a, b, activation=None)
    return _gated_scan(a, b, initial, axis=axis, reverse=bool(reverse), transpose=False)


def _gradient(
    upstream: Tensor,
    h: Tensor,
    a: Tensor,
    b: Tensor,
    initial: Tensor | None,
    *,
    axis: int,
    reverse: bool,
    transpose: bool,
) -> tuple[Tensor | None, ...]:
    del b
    # The scan and its transpose are adjoints of each other in opposite directions: the pair needs
    # no shifted copy of `a`.
    grad_b = _gated_scan(a, upstream, None, axis=axis, reverse=not reverse, transpose=not transpose)
    first = -1 if reverse else 0
    if transpose:
        edge = tf.zeros_like(step_of(h, 0, axis))
        grad_a = _product(h, grad_b, edge, axis=axis, later=reverse)
        grad_initial = step_of(grad_b, first, axis)
    else:
        edge = step_of(grad_b, first, axis)
        edge = tf.zeros_like(edge) if initial is None else edge * initial
        grad_a = _product(grad_b, h, edge, axis=axis, later=not reverse)
        grad_initial = step_of(a, first, axis) * step_of(grad_b, first, axis)
    return grad_a, grad_b, None if initial is None else grad_initial


def _product(x: Tensor, y: Tensor, edge: Tensor, *, axis: int, later: bool) -> Tensor:
    """`x` times `y` moved one step later or earlier, with `edge` in the gap."""
    one, other = ((slice(None),) * axis + (part,) for part in (slice(1, None), slice(None, -1)))
    product = x[one] * y[other] if later else x[other] * y[one]
    edge = tf.expand_dims(edge, axis)
    return tf.concat([edge, product] if later else [product, edge], axis)


@custom_op(gradient=_gradient, xla=sequential_scan)
def _gated_scan(
    a: Tensor, b: Tensor, initial: Tensor | None, *, axis: int, reverse: bool, transpose: bool
) -> Tensor:
    return chunked_scan(a, b, initial, axis=axis, reverse=reverse, transpose=transpose)
