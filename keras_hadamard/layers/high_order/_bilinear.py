"""The full bilinear form of two tensors."""

import math

from keras import ops

from keras_hadamard._typing import Tensor
from keras_hadamard.layers.fusion._fusion import align


def bilinear(z: Tensor, kernel: Tensor, x: Tensor) -> Tensor:
    """`y_o = sum_(m, n) z_m W_(m, n, o) x_n` for every position; vectors meet every position.

    `z` makes a matrix that is applied to `x`, so nothing of the size of their outer product is
    held, nor squared.
    """
    m, n, units = kernel.shape
    matrices = ops.matmul(z, ops.reshape(kernel, (m, n * units)))
    matrices = ops.reshape(matrices, (*ops.shape(z)[:-1], n, units))
    if len(z.shape) == 2 < len(x.shape):
        batch, *positions, _ = ops.shape(x)
        rows = ops.reshape(x, (batch, math.prod(positions), n))
        return ops.reshape(ops.matmul(rows, matrices), (batch, *positions, units))
    x, _ = align([x, z])
    return ops.squeeze(ops.matmul(ops.expand_dims(x, -2), matrices), -2)
