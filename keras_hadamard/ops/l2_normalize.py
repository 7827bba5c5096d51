"""Division by the Euclidean norm, with a gradient that is zero for zero vectors."""

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import static_shape


def l2_normalize(x: Tensor, *, axis: int = -1, epsilon: float = 1e-12) -> Tensor:
    """Unit-norm scaling `x / max(||x||, epsilon)` along an axis.

    The lower bound is on the norm itself, as in `torch.nn.functional.normalize`, not on its square.

    Args:
        x: Float tensor.
        axis: Integer, the axis of the norm. Defaults to `-1`.
        epsilon: Positive float, the smallest norm to divide by. Defaults to `1e-12`.

    Returns:
        Tensor of the shape of `x`; rows of zeros stay zeros.

    Numerics:
        Computed in float32 for float16 and bfloat16 input. Rows whose norm is not above `epsilon`
        have gradient 0; `1 / epsilon` would overflow in the next product.

    Raises:
        ValueError: If `axis` is not an axis of `x`, `epsilon` is not positive, or the dtype is not
            floating.

    Example:

    >>> y = keras_hadamard.ops.l2_normalize(keras.ops.array([[3.0, 4.0], [0.0, 0.0]]))
    >>> [round(float(v), 6) for v in keras.ops.ravel(y)]
    [0.6, 0.8, 0.0, 0.0]

    Reference:
        - [Improving the Fisher Kernel (Perronnin et al., 2010)](
          https://doi.org/10.1007/978-3-642-15561-1_11)
    """
    rank = len(static_shape(x))
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise received(f"`axis` to be an axis of `x`, whose rank is {rank}", axis=axis)
    if not epsilon > 0:
        raise received("`epsilon` to be positive", epsilon=epsilon)
    return _l2_normalize(x, axis=axis, epsilon=float(epsilon))


def _norm(z: Tensor, axis: int, epsilon: float) -> Tensor:
    """The norm, bounded below; differentiable everywhere."""
    # Measured in units of the largest entry, so that the squares stay in range; the choice of the
    # unit does not affect the derivative.
    largest = ops.max(ops.abs(z), axis=axis, keepdims=True, initial=epsilon)
    largest = ops.stop_gradient(largest)
    square = ops.sum(ops.square(z / largest), axis=axis, keepdims=True)
    norm = largest * ops.sqrt(ops.where(square == 0, 1.0, square))
    return ops.maximum(norm, epsilon)


def _gradient(
    upstream: Tensor, y: Tensor, x: Tensor, *, axis: int, epsilon: float
) -> tuple[Tensor]:
    del y
    dtype = accumulation_dtype(x.dtype)
    upstream, z = ops.cast(upstream, dtype), ops.cast(x, dtype)
    norm = _norm(z, axis, epsilon)
    unit = z / norm
    along = ops.sum(upstream * unit, axis=axis, keepdims=True)
    grad = ops.where(norm > epsilon, (upstream - unit * along) / norm, 0.0)
    return (ops.cast(grad, x.dtype),)


@custom_op(gradient=_gradient)
def _l2_normalize(x: Tensor, *, axis: int, epsilon: float) -> Tensor:
    z = ops.cast(x, accumulation_dtype(x.dtype))
    return ops.cast(z / _norm(z, axis, epsilon), x.dtype)
