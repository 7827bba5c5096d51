"""The coupled polynomial (CCP) chain, a product over the degree axis."""

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import compatible, static_shape


def polynomial_chain(
    factors: Tensor | list[Tensor], gates: Tensor | None = None, *, axis: int = -2
) -> Tensor:
    """Coupled polynomial recursion `x_n = g_n * f_n * x_(n-1) + x_(n-1)` over an axis, `x_1 = f_1`.

    Computed in its closed form `f_1 * (1 + g_2 * f_2) * ... * (1 + g_N * f_N)`. The gradient is
    analytic: it keeps only `factors`, and multiplies prefix and suffix products instead of
    dividing, so factors of zero need no special case.

    Args:
        factors: List of float tensors of one shape, the projections of one input, as many as the
            degree N; or one tensor with them along `axis`.
        gates: Float tensor of shape `(N - 1,)`, a scalar for each degree above the first. Defaults
            to `None`, all one.
        axis: Integer, the degree axis of one tensor. Defaults to `-2`, for `(..., N, k)`.

    Returns:
        Tensor of the shape of one factor.

    Numerics:
        Products are float32 for float16 and bfloat16 input. With unit-variance factors the standard
        deviation grows as `2 ** ((N - 1) / 2)` and the largest values much faster: beyond a degree
        of about 8, float16 output has little room, and at 16 it overflows occasionally.

    Raises:
        ValueError: If `axis` is not an axis of `factors`, the degree is unknown or zero, the
            factors differ in shape, there is not one gate less than factors, or the dtype is not
            floating.

    Example:

    >>> factors = keras.ops.array([[[2.0, 3.0], [1.0, 0.5]]])  # Degree 2, width 2.
    >>> x = keras_hadamard.ops.polynomial_chain(factors)
    >>> [float(v) for v in x[0]]
    [4.0, 4.5]

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """
    terms = list(factors) if isinstance(factors, list | tuple) else _unstacked(factors, axis)
    if not terms:
        raise received("a degree of at least 1", factors=factors)
    shapes = [static_shape(term) for term in terms]
    if not all(compatible(shape, shapes[0]) for shape in shapes):
        raise received("factors of the same shape", shapes=shapes)
    if gates is not None and static_shape(gates) != (len(terms) - 1,):
        raise received(f"`gates` of shape {(len(terms) - 1,)}", gates=static_shape(gates))
    return _polynomial_chain(gates, *terms)


def _unstacked(factors: Tensor, axis: int) -> list[Tensor]:
    shape = static_shape(factors)
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        raise received(f"`axis` to be an axis of `factors`, of shape {shape}", axis=axis)
    if not shape[axis]:
        raise received("a known degree of at least 1", shape=shape, axis=axis)
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(factors.dtype)):
        raise received("factors of a floating dtype", dtype=factors.dtype)
    return list(ops.unstack(factors, axis=axis))


def _gradient(
    upstream: Tensor, x: Tensor, gates: Tensor | None, *factors: Tensor
) -> tuple[Tensor | None, ...]:
    del x
    dtype = accumulation_dtype(factors[0].dtype)
    wide = [ops.cast(f, dtype) for f in factors]
    first, *rest = _terms(wide, gates)
    # The product of all terms before each term.
    below = [first]
    for term in rest[:-1]:
        below.append(below[-1] * term)
    above = ops.cast(upstream, dtype)
    grads = []
    # From the last degree down, `above` holds upstream times all later terms.
    for prefix, term in zip(reversed(below), reversed(rest), strict=False):
        grads.append(above * prefix)
        above = above * term
    of_terms = grads[::-1]
    if gates is None:
        of_gates = None
    elif not rest:
        of_gates = ops.zeros_like(gates)
    else:
        of_gates = ops.stack([ops.sum(g * f) for g, f in zip(of_terms, wide[1:], strict=True)])
        of_gates = ops.cast(of_gates, gates.dtype)
        scales = ops.unstack(ops.cast(gates, dtype))
        of_terms = [g * s for g, s in zip(of_terms, scales, strict=True)]
    return of_gates, *(ops.cast(g, factors[0].dtype) for g in (above, *of_terms))


def _terms(factors: list[Tensor], gates: Tensor | None) -> list[Tensor]:
    first, *rest = factors
    if gates is not None and rest:
        scales = ops.unstack(ops.cast(gates, first.dtype))
        rest = [s * f for s, f in zip(scales, rest, strict=True)]
    return [first, *(1 + f for f in rest)]


@custom_op(gradient=_gradient)
def _polynomial_chain(gates: Tensor | None, *factors: Tensor) -> Tensor:
    dtype = accumulation_dtype(factors[0].dtype)
    x, *terms = _terms([ops.cast(f, dtype) for f in factors], gates)
    for term in terms:
        x = x * term
    return ops.cast(x, factors[0].dtype)
