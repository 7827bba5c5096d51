"""Feature-wise affine modulation."""

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._broadcast import sum_to
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import broadcasts_to, compatible, static_shape


def modulate(x: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
    """Feature-wise modulation `scale * x + shift`, one pair for each feature of each example.

    Args:
        x: Float tensor of shape `(batch, ..., features)`.
        scale: Float tensor of shape `(batch, features)`, or any that broadcasts to `x`.
        shift: Float tensor of the shape of `scale`. Defaults to `None`, no shift.

    Returns:
        Tensor of the shape of `x`.

    Numerics:
        Computed in float32 for float16 and bfloat16 input, which matters most for the sums of the
        gradient.

    Raises:
        ValueError: If `scale` and `shift` differ in shape or do not fit `x`, or the dtypes are not
            one floating dtype.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> scale, shift = keras.ops.full((2, 3), 2.0), keras.ops.full((2, 3), 0.5)
    >>> float(keras_hadamard.ops.modulate(x, scale, shift)[0, 0, 0, 0])
    2.5

    Reference:
        - [FiLM: Visual Reasoning with a General Conditioning Layer (Perez et al., 2018)](
          https://arxiv.org/abs/1709.07871)
    """
    x_shape, scale_shape = static_shape(x), static_shape(scale)
    if shift is not None and not compatible(scale_shape, static_shape(shift)):
        raise received(
            "`scale` and `shift` to have the same shape",
            scale_shape=scale_shape,
            shift_shape=static_shape(shift),
        )
    missing = len(x_shape) - len(scale_shape)
    if missing and len(scale_shape) == 2:
        scale_shape = (scale_shape[0], *[1] * missing, scale_shape[1])
    if len(scale_shape) != len(x_shape) or not broadcasts_to(scale_shape, x_shape):
        raise received(
            "`scale` to have shape (batch, features) or one that broadcasts to `x`",
            x_shape=x_shape,
            scale_shape=static_shape(scale),
        )
    if missing:
        between = tuple(range(1, 1 + missing))
        scale = ops.expand_dims(scale, between)
        shift = None if shift is None else ops.expand_dims(shift, between)
    return _modulate(x, scale, shift)


def _gradient(
    upstream: Tensor, y: Tensor, x: Tensor, scale: Tensor, shift: Tensor | None
) -> tuple[Tensor | None, ...]:
    del y
    dtype = accumulation_dtype(x.dtype)
    upstream = ops.cast(upstream, dtype)
    grad_scale = sum_to(upstream * ops.cast(x, dtype), scale)
    grads = [upstream * ops.cast(scale, dtype), grad_scale]
    if shift is not None:
        grads.append(sum_to(upstream, shift))
    cast = [ops.cast(g, x.dtype) for g in grads]
    return (*cast, *[None] * (3 - len(cast)))


@custom_op(gradient=_gradient)
def _modulate(x: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
    dtype = accumulation_dtype(x.dtype)
    y = ops.cast(x, dtype) * ops.cast(scale, dtype)
    if shift is not None:
        y = y + ops.cast(shift, dtype)
    return ops.cast(y, x.dtype)
