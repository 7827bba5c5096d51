"""The ANOVA kernel: the products of all sets of a number of fields."""

import functools
import operator

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._anova_recurrence import FEW, FEW_INSIDE_XLA, gradient, kernel
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import static_shape

# The coefficients e_1, e_2, ... of prod_i (1 + x_i t), each (..., groups of fields, width).
Polynomial = list[Tensor]
Gradients = list[Tensor | None]


def anova_kernel(x: Tensor, *, order: int = 2, reduce: bool = True) -> Tensor:
    """ANOVA kernel `y = sum_(i_1 < ... < i_m) x_(i_1) * ... * x_(i_m)`, `m = order`, over fields.

    The coefficient of `t^m` in `prod_i (1 + x_i t)`. Few fields are multiplied one after another;
    for many, a dynamic program multiplies polynomials truncated at `t^m`, all pairs of neighbouring
    groups of fields at once, in `log2(fields)` steps. Both take `O(fields * width * order)`
    operations. The gradient is analytic: it keeps only `x`, runs the same steps backwards, and
    never divides, so zeros need no special case.

    Args:
        x: Float tensor of shape `(..., fields, width)`, the number of fields known.
        order: Integer, how many fields a product has. If it exceeds the number of fields, the
            kernel is zero. Defaults to `2`.
        reduce: Boolean, whether to sum over the width as well. Defaults to `True`.

    Returns:
        Tensor of shape `(..., 1)`, without `reduce` `(..., width)`.

    Numerics:
        Products and sums are float32 for float16 and bfloat16 input. Nothing is subtracted: for
        positive input every digit counts.

    Raises:
        ValueError: If `order` is not a positive integer, `x` has no axes of fields and width, the
            number of fields is unknown or zero, or the dtype is not floating.

    Example:

    >>> x = keras.ops.array([[[1.0], [2.0], [3.0], [4.0]]])  # Four fields of width 1.
    >>> float(keras_hadamard.ops.anova_kernel(x, order=3)[0, 0])  # 6 + 8 + 12 + 24
    50.0

    Reference:
        - [Higher-Order Factorization Machines (Blondel et al., 2016)](
          https://arxiv.org/abs/1607.07195)
    """
    order = positive_int("order", order)
    shape = static_shape(x)
    if len(shape) < 2 or not shape[-2]:
        raise received("`x` to be (..., fields, width) with a known number of fields", shape=shape)
    return _anova_kernel(x, order=order, reduce=bool(reduce))


def _gradient(upstream: Tensor, y: Tensor, x: Tensor, *, order: int, reduce: bool) -> tuple[Tensor]:
    del y
    fields, dtype = x.shape[-2], accumulation_dtype(x.dtype)
    if order > fields:
        return (ops.zeros_like(x),)
    wide, upstream = ops.cast(x, dtype), ops.expand_dims(ops.cast(upstream, dtype), -2)
    if reduce:
        upstream = ops.broadcast_to(upstream, ops.shape(wide[..., :1, :]))
    if fields <= FEW:
        return (ops.cast(gradient(wide, upstream[..., 0, :], order), x.dtype),)
    return (ops.cast(_back(wide, upstream, order), x.dtype),)


def _back(wide: Tensor, upstream: Tensor, order: int) -> Tensor:
    """The gradient of the tree; `upstream` has one group of fields."""
    halvings, merges = _products(wide, order)[1:]
    grads: Gradients = [None] * (order - 1) + [upstream]
    lone = []
    for left, right in reversed(merges):
        grads, grads_right = _multiply_back(left, right, grads)
        lone.append(grads_right)
    for left, right, odd in reversed(halvings):
        parts = [*_multiply_back(left, right, grads), *([lone.pop(0)] if odd else [])]
        grads = [_concatenate(pieces, left[0]) for pieces in zip(*parts, strict=True)]
    return grads[0]


def _inside_xla(x: Tensor, *, order: int, reduce: bool) -> Tensor:
    return _forward(x, order, reduce, FEW_INSIDE_XLA)


@custom_op(gradient=_gradient, xla=_inside_xla)
def _anova_kernel(x: Tensor, *, order: int, reduce: bool) -> Tensor:
    return _forward(x, order, reduce, FEW)


def _forward(x: Tensor, order: int, reduce: bool, few: int) -> Tensor:
    wide = ops.cast(x, accumulation_dtype(x.dtype))
    if order > x.shape[-2]:
        y = ops.zeros_like(wide[..., 0, :])
    elif x.shape[-2] <= few:
        y = kernel(wide, order)
    else:
        y = _products(wide, order)[0][order - 1][..., 0, :]
    return ops.cast(ops.sum(y, axis=-1, keepdims=True) if reduce else y, x.dtype)


def _products(
    x: Tensor, order: int
) -> tuple[
    Polynomial,
    list[tuple[Polynomial, Polynomial, bool]],
    list[tuple[Polynomial, Polynomial]],
]:
    """The polynomial of all fields, and what was multiplied: halves, then the remaining groups."""
    product, over = [x], []
    halvings, merges = [], []
    groups = x.shape[-2]
    while groups > 1:
        half, odd = divmod(groups, 2)
        left = [c[..., :half, :] for c in product]
        right = [c[..., half : 2 * half, :] for c in product]
        if odd:
            over.append([c[..., 2 * half :, :] for c in product])
        halvings.append((left, right, bool(odd)))
        product, groups = _multiply(left, right, order), half
    for lone in over:
        merges.append((product, lone))
        product = _multiply(product, lone, order)
    return product, halvings, merges


def _multiply(a: Polynomial, b: Polynomial, order: int) -> Polynomial:
    """`(1 + a_1 t + ...) (1 + b_1 t + ...)` up to `t^order`."""
    product = []
    for n in range(1, min(order, len(a) + len(b)) + 1):
        terms = [c[n - 1] for c in (a, b) if n <= len(c)]
        terms += [a[i - 1] * b[n - i - 1] for i in _inner(n, a, b)]
        product.append(functools.reduce(operator.add, terms))
    return product


def _multiply_back(a: Polynomial, b: Polynomial, grads: Gradients) -> tuple[Gradients, Gradients]:
    """The gradients of both factors from that of the product; None where there is none."""
    terms_a: list[list[Tensor]] = [[] for _ in a]
    terms_b: list[list[Tensor]] = [[] for _ in b]
    for n, grad in enumerate(grads, 1):
        if grad is None:
            continue
        for c, terms in ((a, terms_a), (b, terms_b)):
            if n <= len(c):
                terms[n - 1].append(grad)
        for i in _inner(n, a, b):
            terms_a[i - 1].append(grad * b[n - i - 1])
            terms_b[n - i - 1].append(grad * a[i - 1])
    return [_total(t) for t in terms_a], [_total(t) for t in terms_b]


def _total(terms: list[Tensor]) -> Tensor | None:
    return functools.reduce(operator.add, terms) if terms else None


def _inner(n: int, a: Polynomial, b: Polynomial) -> range:
    """The degrees i of `a` that meet the degree n - i of `b`, both at least 1."""
    return range(max(1, n - len(b)), min(n - 1, len(a)) + 1)


def _concatenate(pieces: tuple[Tensor | None, ...], half: Tensor) -> Tensor | None:
    """The gradients of both halves and of a remaining group, in their original order."""
    if all(p is None for p in pieces):
        return None
    shapes = (half, half, half[..., :1, :])
    filled = [ops.zeros_like(s) if p is None else p for p, s in zip(pieces, shapes, strict=False)]
    return ops.concatenate(filled, axis=-2)
