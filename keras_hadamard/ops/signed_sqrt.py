"""The signed square root of bilinear fusions, with gradients that stay finite."""

from keras import ops

from keras_hadamard._core.checks import non_negative
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op


def signed_sqrt(x: Tensor, *, epsilon: float = 0.0) -> Tensor:
    """Signed square root `sign(x) * sqrt(|x|)`, elementwise.

    The gradient is `1 / (2 sqrt(|x|))` and 0 at `x = 0`, in eager mode, graphs and XLA alike; forms
    written with `relu` or `sign` give NaN there in some of these.

    Args:
        x: Float tensor.
        epsilon: Float. If positive, `x / sqrt(|x| + epsilon)`, whose gradient is bounded by
            `1 / sqrt(epsilon)`. Defaults to `0.0`.

    Returns:
        Tensor of the shape of `x`.

    Numerics:
        Computed in float32 for float16 and bfloat16 input. Without epsilon the gradient grows
        without bound as `x` nears 0.

    Raises:
        ValueError: If `epsilon` is negative or the dtype is not floating.

    Example:

    >>> y = keras_hadamard.ops.signed_sqrt(keras.ops.array([-4.0, 0.0, 9.0]))
    >>> [float(v) for v in y]
    [-2.0, 0.0, 3.0]

    Reference:
        - [Improving the Fisher Kernel (Perronnin et al., 2010)](
          https://doi.org/10.1007/978-3-642-15561-1_11)
    """
    return _signed_sqrt(x, epsilon=non_negative("epsilon", epsilon))


def _gradient(upstream: Tensor, y: Tensor, x: Tensor, *, epsilon: float) -> tuple[Tensor]:
    del y
    dtype = accumulation_dtype(x.dtype)
    z = ops.cast(x, dtype)
    if epsilon:
        inside = ops.abs(z) + epsilon
        slope = (0.5 * ops.abs(z) + epsilon) / (inside * ops.sqrt(inside))
    else:
        # The inner `where` keeps 0 out of the division, whose gradient would be NaN.
        slope = ops.where(z == 0, 0.0, 0.5 / ops.sqrt(ops.abs(ops.where(z == 0, 1.0, z))))
    return (ops.cast(ops.cast(upstream, dtype) * slope, x.dtype),)


@custom_op(gradient=_gradient)
def _signed_sqrt(x: Tensor, *, epsilon: float) -> Tensor:
    z = ops.cast(x, accumulation_dtype(x.dtype))
    root = z / ops.sqrt(ops.abs(z) + epsilon) if epsilon else ops.sign(z) * ops.sqrt(ops.abs(z))
    return ops.cast(root, x.dtype)
