"""A matrix product with weights that a low-rank matrix scales, a block of outputs at a time."""

from collections.abc import Iterator

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import compatible, static_shape

# The maximum number of blocks, and their minimum width: one block of the matrix is in memory at a
# time.
BLOCKS, NARROWEST = 16, 64


def scaled_matmul(x: Tensor, w: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`x (w * (a b))` with `x (..., inputs)`, `w (inputs, outputs)`, `a b` of low rank.

    The weights have full rank, so there are no factors to multiply with instead of the product. The
    product is formed a sixteenth of its columns at a time, in the gradient as well, which keeps the
    inputs only. `w` is treated as a constant. Sums are float32 for 16-bit floats.
    """
    shapes = [static_shape(t) for t in (x, w, a, b)]
    first, second, third, fourth = shapes
    if (
        not first
        or any(len(s) != 2 or None in s for s in shapes[1:])
        or not compatible(first[-1:], second[:1])
        or second != (third[0], fourth[1])
        or third[1] != fourth[0]
    ):
        raise received(
            "x (..., inputs), w (inputs, outputs), a (inputs, r), b (r, outputs)", shapes=shapes
        )
    return _scaled_matmul(x, w, a, b)


def _blocks(outputs: int) -> Iterator[slice]:
    width = max(NARROWEST, -(-outputs // BLOCKS))
    return (slice(start, start + width) for start in range(0, outputs, width))


def _wide(*tensors: Tensor) -> list[Tensor]:
    return [ops.cast(t, accumulation_dtype(t.dtype)) for t in tensors]


def _gradient(
    upstream: Tensor, y: Tensor, x: Tensor, w: Tensor, a: Tensor, b: Tensor
) -> tuple[Tensor | None, ...]:
    del y
    dtype, shape = x.dtype, ops.shape(x)
    x, upstream, w, a, b = _wide(x, upstream, w, a, b)
    x = ops.reshape(x, (-1, w.shape[0]))
    upstream = ops.reshape(upstream, (-1, w.shape[1]))
    of_x, of_a, of_b = ops.zeros_like(x), ops.zeros_like(a), []
    for block in _blocks(w.shape[1]):
        some, back = b[:, block], upstream[:, block]
        scale, weights = ops.matmul(a, some), w[:, block]
        of_x = of_x + ops.matmul(back, ops.transpose(weights * scale))
        of_scale = ops.matmul(ops.transpose(x), back) * weights
        of_a = of_a + ops.matmul(of_scale, ops.transpose(some))
        of_b.append(ops.matmul(ops.transpose(a), of_scale))
    grads = (ops.reshape(of_x, shape), None, of_a, ops.concatenate(of_b, 1))
    return tuple(None if g is None else ops.cast(g, dtype) for g in grads)


@custom_op(gradient=_gradient, nondifferentiable_args=("w",))
def _scaled_matmul(x: Tensor, w: Tensor, a: Tensor, b: Tensor) -> Tensor:
    dtype, shape = x.dtype, ops.shape(x)
    x, w, a, b = _wide(x, w, a, b)
    x = ops.reshape(x, (-1, w.shape[0]))
    parts = [
        ops.matmul(x, w[:, block] * ops.matmul(a, b[:, block])) for block in _blocks(w.shape[1])
    ]
    y = ops.concatenate(parts, axis=1)
    return ops.cast(ops.reshape(y, (*shape[:-1], y.shape[1])), dtype)
