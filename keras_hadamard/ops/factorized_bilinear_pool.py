"""The product of two expanded projections, summed over groups of neighbours."""

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._broadcast import sum_to
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import broadcastable, static_shape


def factorized_bilinear_pool(x: Tensor, y: Tensor, *, factor: int) -> Tensor:
    """Factorised bilinear pooling `z_j = sum_f x_(j,f) * y_(j,f)`, with `(..., k * factor)` inputs.

    Neighbouring features form a group: the factor index is the fastest, as in MFB. The gradient is
    analytic, keeps only `x` and `y`, never the expanded product.

    Args:
        x: Float tensor of shape `(..., k * factor)`.
        y: Float tensor of the shape of `x`; axes before the last may be broadcast.
        factor: Integer, how many neighbouring features are summed.

    Returns:
        Tensor of shape `(..., k)`.

    Numerics:
        Products and sums are float32 for float16 and bfloat16 input.

    Raises:
        ValueError: If the last axes differ or are not a multiple of `factor`, the other axes cannot
            be broadcast, or the dtypes are not one floating dtype.

    Example:

    >>> x = keras.ops.array([[1.0, 2.0, 3.0, 4.0]])
    >>> z = keras_hadamard.ops.factorized_bilinear_pool(x, x, factor=2)
    >>> [float(v) for v in z[0]]
    [5.0, 25.0]

    Reference:
        - [Multi-modal Factorized Bilinear Pooling (Yu et al., 2017)](
          https://arxiv.org/abs/1708.01471)
    """
    factor = positive_int("factor", factor)
    x_shape, y_shape = static_shape(x), static_shape(y)
    width = x_shape[-1] if x_shape else None
    if width is None or y_shape[-1:] != (width,) or width % factor:
        raise received(
            f"`x` and `y` to have the same last axis, a multiple of factor={factor}",
            x_shape=x_shape,
            y_shape=y_shape,
        )
    if not broadcastable(x_shape, y_shape):
        raise received("`x` and `y` that broadcast", x_shape=x_shape, y_shape=y_shape)
    return _factorized_bilinear_pool(x, y, factor=factor)


def _gradient(
    upstream: Tensor, z: Tensor, x: Tensor, y: Tensor, *, factor: int
) -> tuple[Tensor, Tensor]:
    del z
    dtype = accumulation_dtype(x.dtype)
    spread = ops.repeat(ops.cast(upstream, dtype), factor, axis=-1)
    return tuple(
        ops.cast(sum_to(spread * ops.cast(other, dtype), like), x.dtype)
        for like, other in ((x, y), (y, x))
    )


@custom_op(gradient=_gradient)
def _factorized_bilinear_pool(x: Tensor, y: Tensor, *, factor: int) -> Tensor:
    dtype = accumulation_dtype(x.dtype)
    product = ops.cast(x, dtype) * ops.cast(y, dtype)
    if factor > 1:
        shape = ops.shape(product)
        product = ops.sum(ops.reshape(product, (*shape[:-1], shape[-1] // factor, factor)), axis=-1)
    return ops.cast(product, x.dtype)
