"""The coupled polynomial (CCP) chain, a product over the degree axis."""

from keras import ops

from keras_hadamard._checks import received
from keras_hadamard._typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._precision import at_least_float32
from keras_hadamard.ops._shapes import static_shape


def polynomial_chain(factors: Tensor, gates: Tensor | None = None, *, axis: int = -2) -> Tensor:
    """Coupled polynomial recursion `x_n = g_n * f_n * x_(n-1) + x_(n-1)` over an axis, `x_1 = f_1`.

    Computed in its closed form `f_1 * (1 + g_2 * f_2) * ... * (1 + g_N * f_N)`. The gradient is
    analytic: it keeps `factors` alone, and multiplies prefix and suffix products instead of
    dividing, so a factor of zero is as good as any.

    Args:
        factors: Float tensor, the N projections of one input along `axis`, N the degree.
        gates: Float tensor of shape `(N - 1,)`, a scalar for each degree above the first. Defaults
            to `None`, all one.
        axis: Integer, the degree axis. Defaults to `-2`, for `(..., N, k)`.

    Returns:
        Tensor of the shape of `factors` without `axis`.

    Numerics:
        Products are float32 for float16 and bfloat16 input. With unit-variance factors the standard
        deviation grows as `2 ** ((N - 1) / 2)` and the largest values much faster: beyond a degree of
        about 8 float16 output has little room, and at 16 it overflows now and then.

    Raises:
        ValueError: If `axis` is not an axis of `factors`, the degree is unknown or zero, `gates`
            are not one less, or the dtype is not floating.

    Example:

    >>> factors = keras.ops.array([[[2.0, 3.0], [1.0, 0.5]]])  # Degree 2, width 2.
    >>> x = keras_hadamard.ops.polynomial_chain(factors)
    >>> [float(v) for v in x[0]]
    [4.0, 4.5]

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """
    shape = static_shape(factors)
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        raise received(f"`axis` to be an axis of `factors`, of shape {shape}", axis=axis)
    axis %= len(shape)
    if not shape[axis]:
        raise received("a known degree of at least 1", shape=shape, axis=axis)
    if gates is not None and static_shape(gates) != (shape[axis] - 1,):
        raise received(f"`gates` of shape {(shape[axis] - 1,)}", gates=static_shape(gates))
    return _polynomial_chain(factors, gates, axis=axis)


def _gradient(
    upstream: Tensor, x: Tensor, factors: Tensor, gates: Tensor | None, *, axis: int
) -> tuple[Tensor, Tensor | None]:
    del x
    dtype = at_least_float32(factors.dtype)
    wide = ops.cast(factors, dtype)
    first, *rest = _terms(wide, gates, axis)
    below = [ops.ones_like(first)]
    for term in rest[:-1]:
        below.append(below[-1] * term)
    above = ops.cast(upstream, dtype)
    grads = []
    # From the last degree down, `above` holds upstream times all later terms.
    for prefix, term in zip(reversed(below), reversed(rest), strict=False):
        grads.append(above * first * prefix)
        above = above * term
    of_terms = grads[::-1]
    if gates is None:
        of_gates = None
    elif not rest:
        of_gates = ops.zeros_like(gates)
    else:
        _, *others = ops.unstack(wide, axis=axis)
        of_gates = ops.stack([ops.sum(g * f) for g, f in zip(of_terms, others, strict=True)])
        scales = ops.unstack(ops.cast(gates, dtype))
        of_terms = [g * s for g, s in zip(of_terms, scales, strict=True)]
        of_gates = ops.cast(of_gates, gates.dtype)
    return ops.cast(ops.stack([above, *of_terms], axis=axis), factors.dtype), of_gates


def _terms(factors: Tensor, gates: Tensor | None, axis: int) -> list[Tensor]:
    first, *rest = ops.unstack(factors, axis=axis)
    if gates is not None and rest:
        scales = ops.unstack(ops.cast(gates, factors.dtype))
        rest = [s * f for s, f in zip(scales, rest, strict=True)]
    return [first, *(1 + f for f in rest)]


@custom_op(gradient=_gradient)
def _polynomial_chain(factors: Tensor, gates: Tensor | None, *, axis: int) -> Tensor:
    terms = _terms(ops.cast(factors, at_least_float32(factors.dtype)), gates, axis)
    x = terms[0]
    for term in terms[1:]:
        x = x * term
    return ops.cast(x, factors.dtype)
