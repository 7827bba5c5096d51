"""Sparsemax: the nearest point of the simplex, with a gradient that sorts nothing."""

from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op


def sparsemax(x: Tensor) -> Tensor:
    """`max(x - tau, 0)` over the last axis, with the `tau` for which the sum is 1.

    Float32 inside for 16-bit floats. The greatest number is subtracted first, so that no digits are
    lost in sums of great numbers.
    """
    return _sparsemax(x)


def _gradient(upstream: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor]:
    dtype = accumulation_dtype(x.dtype)
    support = ops.cast(y > 0, dtype)
    upstream = ops.cast(upstream, dtype) * support
    # What all of the support gets moves nothing, as the sum stays 1.
    mean = ops.sum(upstream, axis=-1, keepdims=True) / ops.sum(support, axis=-1, keepdims=True)
    return (ops.cast(upstream - support * mean, x.dtype),)


@custom_op(gradient=_gradient)
def _sparsemax(x: Tensor) -> Tensor:
    # Keras's own gives other sums than 1 where three or more numbers are in the support.
    wide = ops.cast(x, accumulation_dtype(x.dtype))
    z = wide - ops.max(wide, axis=-1, keepdims=True, initial=-float("inf"))
    descending = -ops.sort(-z, axis=-1)
    count = ops.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    support = count * descending > ops.cumsum(descending, axis=-1) - 1
    total = ops.sum(ops.where(support, descending, 0), axis=-1, keepdims=True)
    tau = (total - 1) / ops.sum(ops.cast(support, z.dtype), axis=-1, keepdims=True)
    return ops.cast(ops.maximum(z - tau, 0), x.dtype)
