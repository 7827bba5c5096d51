"""The second-order interactions of a factorisation machine, in time linear in the fields."""

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import static_shape
from keras_hadamard.ops.anova_kernel import anova_kernel


def factorization_machine(x: Tensor, *, reduce: bool = True, exact: bool = False) -> Tensor:
    """Sum of the products of all pairs of fields, `y = sum_(i<j) x_i * x_j`.

    Computed as `((sum_i x_i)^2 - sum_i x_i^2) / 2`, which is linear in the number of fields. The
    gradient is analytic, `upstream * (sum_j x_j - x_i)`, and keeps only `x`. Fields of different
    scales need `exact`.

    Args:
        x: Float tensor of shape `(..., fields, width)`.
        reduce: Boolean, whether to sum over the width as well, which gives `sum_(i<j) <x_i, x_j>`.
            Defaults to `True`.
        exact: Boolean, whether the products themselves are summed, so that nothing is subtracted,
            here or in the gradient: `anova_kernel` of order 2. It is also linear in the fields, but
            takes longer. Defaults to `False`.

    Returns:
        Tensor of shape `(..., 1)`, without `reduce` `(..., width)`.

    Numerics:
        Sums and squares are float32 for float16 and bfloat16 input. Unless `exact`, the difference
        cancels where one field is far larger than all others: for a field `r` times as large, the
        error is about `r` rounding errors, which is 1e-5 for 100 and 1e-2 for 1e5, and for 1e7 no
        digit is right.

    Raises:
        ValueError: If `x` has no axes of fields and width, its dtype is not floating, or the number
            of fields is not known where the sum is `exact`.

    Example:

    >>> x = keras.ops.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]]])  # Three fields of width 2.
    >>> y = keras_hadamard.ops.factorization_machine(x, reduce=False)
    >>> [float(v) for v in y[0]]
    [23.0, 8.0]

    Reference:
        - [Factorization Machines (Rendle, 2010)](https://doi.org/10.1109/ICDM.2010.127)
    """
    shape = static_shape(x)
    if len(shape) < 2:
        raise received("`x` to be (..., fields, width)", shape=shape)
    if exact:
        return anova_kernel(x, order=2, reduce=reduce)
    return _factorization_machine(x, reduce=bool(reduce))


def _gradient(upstream: Tensor, y: Tensor, x: Tensor, *, reduce: bool) -> tuple[Tensor]:
    del y, reduce  # An upstream of width 1 is broadcast.
    dtype = accumulation_dtype(x.dtype)
    wide = ops.cast(x, dtype)
    others = ops.sum(wide, axis=-2, keepdims=True) - wide
    return (ops.cast(ops.expand_dims(ops.cast(upstream, dtype), -2) * others, x.dtype),)


@custom_op(gradient=_gradient)
def _factorization_machine(x: Tensor, *, reduce: bool) -> Tensor:
    wide = ops.cast(x, accumulation_dtype(x.dtype))
    y = ops.square(ops.sum(wide, axis=-2)) - ops.sum(ops.square(wide), axis=-2)
    if reduce:
        y = ops.sum(y, axis=-1, keepdims=True)
    return ops.cast(0.5 * y, x.dtype)
