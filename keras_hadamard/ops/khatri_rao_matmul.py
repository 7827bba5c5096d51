"""A matrix product with the Hadamard product of two low-rank matrices, without forming it."""

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import compatible, static_shape
from keras_hadamard.ops._xla import inside_xla

# The gradient of the factors' products is formed this many at a time.
MAX_WIDTH = 128


def khatri_rao_matmul(
    x: Tensor, left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]
) -> Tensor:
    """Product `y = x ((b1 a1) * (b2 a2))` of rows with a Hadamard product of low-rank matrices.

    The product of the two has the factors `b1 (x) b2` and `a1 (x) a2`, the Khatri-Rao products of
    the columns and of the rows: `((b1 a1) * (b2 a2))_io = sum_pq b1_ip b2_iq a1_po a2_qo`. So the
    `inputs x outputs` matrix is never formed, forwards or backwards: the cost is
    `r1 r2 (inputs + outputs)` for each row of `x`. The gradient is analytic and keeps only `x` and
    the four factors.

    Args:
        x: Float tensor of shape `(..., inputs)`.
        left: Pair of float tensors, `b1` of shape `(inputs, r1)` and `a1` of shape `(r1, outputs)`.
        right: Pair of float tensors, `b2` of shape `(inputs, r2)` and `a2` of shape
            `(r2, outputs)`.

    Returns:
        Tensor of shape `(..., outputs)`.

    Numerics:
        Products of factors and all sums are float32 for float16 and bfloat16 input.

    Raises:
        ValueError: If the shapes do not fit or are not known, or the dtypes are not one floating
            dtype.

    Example:

    >>> x, one = keras.ops.array([[1.0, 2.0]]), keras.ops.ones
    >>> y = keras_hadamard.ops.khatri_rao_matmul(x, (one((2, 1)), one((1, 3))), (one((2, 2)),
    ...     one((2, 3))))
    >>> [float(v) for v in y[0]]
    [6.0, 6.0, 6.0]

    Reference:
        - [FedPara: Low-Rank Hadamard Product for Communication-Efficient Federated Learning
          (Hyeon-Woo et al., 2022)](https://arxiv.org/abs/2108.06098)
        - [ABBA: Highly Expressive Hadamard Product Adaptation for Large Language Models (Singhal et
          al., 2025)](https://arxiv.org/abs/2505.14238)
    """
    pairs = [tuple(pair) for pair in (left, right)]
    if [len(pair) for pair in pairs] != [2, 2]:
        raise received("`left` and `right` to be pairs of tensors", left=left, right=right)
    (b1, a1), (b2, a2) = pairs
    shapes = [static_shape(t) for t in (x, b1, a1, b2, a2)]
    if not _fit(*shapes):
        raise received(
            "x (..., inputs), b1 (inputs, r1), a1 (r1, outputs), b2 (inputs, r2) and "
            "a2 (r2, outputs)",
            **dict(zip(("x", "b1", "a1", "b2", "a2"), shapes, strict=True)),
        )
    return _khatri_rao_matmul(x, b1, a1, b2, a2)


def _fit(x: Shape, b1: Shape, a1: Shape, b2: Shape, a2: Shape) -> bool:
    if not x or any(len(s) != 2 or None in s or 0 in s for s in (b1, a1, b2, a2)):
        return False
    return (
        compatible(x[-1:], b1[:1])
        and b1[0] == b2[0]
        and a1[1] == a2[1]
        and (b1[1], b2[1]) == (a1[0], a2[0])
    )


def _columns(b1: Tensor, b2: Tensor) -> Tensor:
    """`(inputs, r1 * r2)`, all products of a column of `b1` with one of `b2`."""
    return ops.reshape(b1[:, :, None] * b2[:, None, :], (b1.shape[0], -1))


def _rows(a1: Tensor, a2: Tensor) -> Tensor:
    """`(r1 * r2, outputs)`, all products of a row of `a1` with one of `a2`."""
    return ops.reshape(a1[:, None, :] * a2[None, :, :], (-1, a1.shape[1]))


def _of_factors(product: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of two factors by rows, from the gradient of all products of their rows."""
    product = ops.reshape(product, (left.shape[0], right.shape[0], -1))
    of_left = ops.sum(product * right[None, :, :], axis=1)
    return of_left, ops.sum(product * left[:, None, :], axis=0)


def _parts(left: int, right: int) -> list[slice]:
    """The left factor's rank in parts, each with few products with the right one."""
    # XLA computes all parts side by side.
    width = left if inside_xla() else max(1, MAX_WIDTH // right)
    return [slice(start, min(left, start + width)) for start in range(0, left, width)]


def _wide(*tensors: Tensor) -> list[Tensor]:
    return [ops.cast(t, accumulation_dtype(t.dtype)) for t in tensors]


def _gradient(
    upstream: Tensor, y: Tensor, x: Tensor, b1: Tensor, a1: Tensor, b2: Tensor, a2: Tensor
) -> tuple[Tensor, ...]:
    del y
    dtype, shape = x.dtype, ops.shape(x)
    x, upstream, b1, a1, b2, a2 = _wide(x, upstream, b1, a1, b2, a2)
    x = ops.reshape(x, (-1, b1.shape[0]))
    upstream = ops.reshape(upstream, (-1, a1.shape[1]))
    columns, parts = _columns(b1, b2), _parts(b1.shape[1], b2.shape[1])
    inner = [ops.matmul(upstream, ops.transpose(_rows(a1[part], a2))) for part in parts]
    of_x = ops.matmul(ops.concatenate(inner, axis=1), ops.transpose(columns))
    of_b1, of_a1, of_b2, of_a2 = [], [], 0.0, 0.0
    for part, back in zip(parts, inner, strict=True):
        left, right = b1[:, part], a1[part]
        # Columns as rows: XLA is slow where the long side of a product comes first.
        more, more_b2 = _of_factors(
            ops.matmul(ops.transpose(back), x), ops.transpose(left), ops.transpose(b2)
        )
        of_b1.append(more)
        of_b2 = of_b2 + more_b2
        projected = ops.matmul(x, _columns(left, b2))
        more, more_a2 = _of_factors(ops.matmul(ops.transpose(projected), upstream), right, a2)
        of_a1.append(more)
        of_a2 = of_a2 + more_a2
    grads = (
        ops.reshape(of_x, shape),
        ops.transpose(ops.concatenate(of_b1, axis=0)),
        ops.concatenate(of_a1, axis=0),
        ops.transpose(of_b2),
        of_a2,
    )
    return tuple(ops.cast(g, dtype) for g in grads)


@custom_op(gradient=_gradient)
def _khatri_rao_matmul(x: Tensor, b1: Tensor, a1: Tensor, b2: Tensor, a2: Tensor) -> Tensor:
    dtype, shape = x.dtype, ops.shape(x)
    x, b1, a1, b2, a2 = _wide(x, b1, a1, b2, a2)
    flat = ops.reshape(x, (-1, b1.shape[0]))
    y = ops.matmul(ops.matmul(flat, _columns(b1, b2)), _rows(a1, a2))
    return ops.cast(ops.reshape(y, (*shape[:-1], a1.shape[1])), dtype)
