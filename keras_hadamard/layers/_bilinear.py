"""Full bilinear forms of two tensors, and of their chunks."""

import math

from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers._alignment import align


def bilinear(z: Tensor, kernel: Tensor, x: Tensor) -> Tensor:
    """`y_o = sum_(m, n) z_m W_(m, n, o) x_n` at every position; vectors apply to every position.

    `z` makes a matrix that is applied to `x`, so nothing of the size of their outer product is
    kept.
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


def block_bilinear(x: Tensor, kernel: Tensor, y: Tensor) -> Tensor:
    """`z_(c, o) = sum_(m, n) x_(c, m) W_(c, m, n, o) y_(c, n)` for every chunk of aligned inputs.

    As in `bilinear`, a vector among positions makes the matrices, once for all of them.
    """
    if is_vector(y) and not is_vector(x):
        x, y, kernel = y, x, ops.swapaxes(kernel, 1, 2)
    chunks, m, n, units = kernel.shape
    lead = ops.shape(y)[:-2]
    count, each = (lead[0], math.prod(lead[1:])) if is_vector(x) else (math.prod(lead), 1)
    # One matrix product per chunk: the chunks come first.
    x = ops.transpose(ops.reshape(x, (count, chunks, m)), (1, 0, 2))
    matrices = ops.matmul(x, ops.reshape(kernel, (chunks, m, n * units)))
    matrices = ops.reshape(matrices, (chunks, count, n, units))
    y = ops.transpose(ops.reshape(y, (count, each, chunks, n)), (2, 0, 1, 3))
    z = ops.transpose(ops.matmul(y, matrices), (1, 2, 0, 3))
    return ops.reshape(z, (*lead, chunks, units))


def is_vector(chunked: Tensor) -> bool:
    return all(n == 1 for n in chunked.shape[1:-2])
