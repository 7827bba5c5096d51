"""Gates that are exactly zero or one with some probability, and still differentiable."""

import math

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._broadcast import sum_to
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import broadcasts_to, static_shape

# Uniform samples are kept this far from 0 and 1, as the authors do.
EPSILON = 1e-6


def hard_concrete(
    log_alpha: Tensor,
    uniform: Tensor | None = None,
    *,
    temperature: float = 2 / 3,
    lower: float = -0.1,
    upper: float = 1.1,
) -> Tensor:
    """Hard concrete gate `z = clip((upper - lower) * s + lower, 0, 1)`, elementwise.

    With uniform samples `u`, a random gate,
    `s = sigmoid((log(u) - log(1 - u) + log_alpha) / temperature)`; without them, the gate for
    inference, `s = sigmoid(log_alpha)`, which has no temperature by design.

    Args:
        log_alpha: Float tensor, the location: the greater, the more often the gate is open.
        uniform: Float tensor of samples between 0 and 1, to whose shape `log_alpha` broadcasts.
            Defaults to `None`, the deterministic gate.
        temperature: Positive float: the lower it is, the closer gates are to 0 or 1. Defaults to
            `0.6666666666666666`.
        lower: Negative float, where the gate starts before it is clipped. Defaults to `-0.1`.
        upper: Float above 1, where it ends. Defaults to `1.1`.

    Returns:
        Tensor of the shape of `uniform`, or of `log_alpha` without it, with values in [0, 1].

    Numerics:
        Computed in float32 for float16 and bfloat16 input. Samples are clipped to `1e-6` from 0 and
        1. Where a gate is clipped its gradient is 0.

    Raises:
        ValueError: If `log_alpha` does not broadcast to `uniform`, an option is out of range, or
            the dtypes are not one floating dtype.

    Example:

    >>> log_alpha = keras.ops.array([-3.0, 0.0, 3.0])
    >>> z = keras_hadamard.ops.hard_concrete(log_alpha)
    >>> [round(float(v), 4) for v in z]
    [0.0, 0.5, 1.0]

    Reference:
        - [Learning Sparse Neural Networks through L0 Regularization (Louizos et al., 2018)](
          https://arxiv.org/abs/1712.01312)
    """
    _check(temperature, lower, upper)
    options = {"temperature": float(temperature), "lower": float(lower), "upper": float(upper)}
    if uniform is None:
        return _hard_concrete(log_alpha, None, **options)
    if not broadcasts_to(static_shape(log_alpha), static_shape(uniform)):
        raise received(
            "`log_alpha` to broadcast to `uniform`",
            log_alpha_shape=static_shape(log_alpha),
            uniform_shape=static_shape(uniform),
        )
    return _hard_concrete(log_alpha, uniform, **options)


def open_probability(
    log_alpha: Tensor, *, temperature: float = 2 / 3, lower: float = -0.1, upper: float = 1.1
) -> Tensor:
    """Probability `p = sigmoid(log_alpha - temperature * log(-lower / upper))` of an open gate.

    A hard concrete gate is open if it is not 0. The sum over all gates is their expected number,
    the penalty that makes them close.

    Args:
        log_alpha: Float tensor, the locations of the gates.
        temperature: As for `hard_concrete`. Defaults to `0.6666666666666666`.
        lower: As for `hard_concrete`. Defaults to `-0.1`.
        upper: As for `hard_concrete`. Defaults to `1.1`.

    Returns:
        Tensor of the shape of `log_alpha`.

    Numerics:
        Computed in the dtype of `log_alpha`.

    Raises:
        ValueError: If an option is out of range.

    Example:

    >>> p = keras_hadamard.ops.open_probability(keras.ops.array([-3.0, 0.0, 3.0]))
    >>> [round(float(v), 4) for v in p]
    [0.1976, 0.8318, 0.99]

    Reference:
        - [Learning Sparse Neural Networks through L0 Regularization (Louizos et al., 2018)](
          https://arxiv.org/abs/1712.01312)
    """
    _check(temperature, lower, upper)
    return ops.sigmoid(log_alpha - temperature * math.log(-lower / upper))


def _check(temperature: float, lower: float, upper: float) -> None:
    if not (0 < temperature < math.inf and -math.inf < lower < 0 and 1 < upper < math.inf):
        raise received(
            "finite `temperature` above 0, `lower` below 0 and `upper` above 1",
            temperature=temperature,
            lower=lower,
            upper=upper,
        )


def _gradient(
    upstream: Tensor,
    y: Tensor,
    log_alpha: Tensor,
    uniform: Tensor | None,
    *,
    temperature: float,
    lower: float,
    upper: float,
) -> tuple[Tensor | None, ...]:
    del y
    logits = _logits(log_alpha, uniform, temperature)
    z = _stretched(logits, lower, upper)
    # Written as a product of two sigmoids, the slope does not cancel where one of them is near 1.
    slope = (upper - lower) * ops.sigmoid(logits) * ops.sigmoid(-logits)
    inside = ops.logical_and(z > 0, z < 1)
    grad = ops.where(inside, ops.cast(upstream, logits.dtype) * slope, 0)
    if uniform is None:
        return ops.cast(grad, log_alpha.dtype), None
    grad = grad / temperature
    u, rest = _sides(ops.cast(uniform, grad.dtype))
    kept = ops.logical_and(u > EPSILON, rest > EPSILON)
    grad_uniform = ops.where(kept, grad / (u * rest), 0)
    return tuple(ops.cast(g, log_alpha.dtype) for g in (sum_to(grad, log_alpha), grad_uniform))


@custom_op(gradient=_gradient)
def _hard_concrete(
    log_alpha: Tensor,
    uniform: Tensor | None,
    *,
    temperature: float,
    lower: float,
    upper: float,
) -> Tensor:
    z = _stretched(_logits(log_alpha, uniform, temperature), lower, upper)
    return ops.cast(ops.clip(z, 0, 1), log_alpha.dtype)


def _logits(log_alpha: Tensor, uniform: Tensor | None, temperature: float) -> Tensor:
    dtype = accumulation_dtype(log_alpha.dtype)
    log_alpha = ops.cast(log_alpha, dtype)
    if uniform is None:
        return log_alpha
    u, rest = _sides(ops.cast(uniform, dtype))
    return (ops.log(u) - ops.log(rest) + log_alpha) / temperature


def _sides(uniform: Tensor) -> tuple[Tensor, Tensor]:
    """`u` and `1 - u`, neither of them below epsilon, which float32 cannot subtract from 1."""
    return ops.maximum(uniform, EPSILON), ops.maximum(1 - uniform, EPSILON)


def _stretched(logits: Tensor, lower: float, upper: float) -> Tensor:
    return ops.sigmoid(logits) * (upper - lower) + lower
