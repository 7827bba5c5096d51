"""The sum over all pairs of features, weighted by a matrix of low rank."""

from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops.anova_kernel import anova_kernel

# Features in one block, whose products are all weighted one by one. This many cost no more than the
# squares; with more features, the number of blocks decides.
BLOCK = 64


def pairs_by_squares(x: Tensor, kernel: Tensor) -> Tensor:
    """`sum_(i<j) <k_i, k_j> x_i x_j` of `x` (..., width) as `(|x K|^2 - x^2 . |k|^2) / 2`.

    The kernel `K` is (width, factors), and the sum (..., 1). The difference cancels where one
    feature is far larger than the others.
    """
    squares = ops.sum(ops.square(kernel), axis=-1, keepdims=True)
    total = ops.sum(ops.square(ops.matmul(x, kernel)), axis=-1, keepdims=True)
    return 0.5 * (total - ops.matmul(ops.square(x), squares))


def pairs_one_by_one(x: Tensor, kernel: Tensor) -> Tensor:
    """The same without a difference: pairs inside blocks of features, then pairs of blocks.

    Inside a block it is `x U x` with the upper triangle `U` of `K K^T`. Between blocks it is the
    same sum again, of the sums of the features of each block. No product of an example, a feature
    and a factor is formed.
    """
    width, factors = kernel.shape
    blocks = -(-width // BLOCK)
    if blocks == 1:
        return ops.sum(ops.matmul(x, _upper(kernel)) * x, axis=-1, keepdims=True)
    size = -(-width // blocks)
    more = blocks * size - width
    lead = ops.shape(x)[:-1]
    x = ops.pad(x, [*[(0, 0)] * len(lead), (0, more)])
    rows = ops.transpose(ops.reshape(x, (-1, blocks, size)), (1, 0, 2))
    kernels = ops.reshape(ops.pad(kernel, [(0, more), (0, 0)]), (blocks, size, factors))
    inside = ops.sum(ops.matmul(rows, _upper(kernels)) * rows, axis=(0, 2))
    sums = ops.transpose(ops.matmul(rows, kernels), (1, 0, 2))
    between = anova_kernel(sums, order=2)
    return ops.reshape(ops.expand_dims(inside, -1) + between, (*lead, 1))


def _upper(kernel: Tensor) -> Tensor:
    """The weights of the pairs `i < j` of features, and zeros."""
    return ops.triu(ops.matmul(kernel, ops.swapaxes(kernel, -1, -2)), 1)
