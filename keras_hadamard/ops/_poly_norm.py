"""The sum of normalised powers, whose gradient keeps only the input."""

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import static_shape


def poly_norm(x: Tensor, weights: Tensor, *, epsilon: float) -> Tensor:
    """`sum_k w_k x^k / sqrt(mean(x^(2 k)) + epsilon)`, the highest power first in `weights`.

    `x` is `(..., width)` and `weights` `(degree,)`. Powers are of `x` divided by the root of the
    mean of its squares if that is above one, so they are finite where the squares are.
    """
    if not static_shape(x) or len(static_shape(weights)) != 1 or static_shape(weights)[0] is None:
        raise received(
            "x (..., width) and weights (degree,)",
            x_shape=static_shape(x),
            weights_shape=static_shape(weights),
        )
    return _poly_norm(x, weights, epsilon=epsilon)


def _parts(x: Tensor, degree: int, epsilon: float) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The input with squares of a mean of one at most, its factor, and the norms by powers."""
    square = ops.square(x)
    mean = ops.mean(square, axis=-1, keepdims=True)
    # The sum does not depend on the factor, so there is no gradient through it.
    factor = ops.stop_gradient(ops.rsqrt(ops.maximum(mean, 1)))
    shrunk = ops.square(factor)
    norms = [ops.rsqrt(shrunk * (mean + epsilon))]
    x, square = x * factor, square * shrunk
    power, least = square, epsilon * shrunk
    for _ in range(1, degree):
        power, least = power * square, least * shrunk
        norms.append(ops.rsqrt(ops.mean(power, axis=-1, keepdims=True) + least))
    return x, factor, norms


def _gradient(
    upstream: Tensor, y: Tensor, x: Tensor, weights: Tensor, *, epsilon: float
) -> tuple[Tensor, Tensor]:
    del y
    degree, width = weights.shape[0], x.shape[-1]
    x, factor, norms = _parts(x, degree, epsilon)
    square = ops.square(x)
    # Of each power k: what comes through the power, and what through its norm.
    direct, through, of_weights = [], [], []
    power = upstream
    for k, norm in enumerate(norms, 1):
        power = power * x
        shared = ops.mean(power, axis=-1, keepdims=True)
        weight = k * weights[degree - k]
        direct.append(weight * norm)
        through.append(weight * norm * norm * norm * shared)
        of_weights.append(width * ops.sum(norm * shared))
    grad = upstream * _horner(direct, x) - x * _horner(through, square)
    return grad * factor, ops.stack(of_weights[::-1])


def _horner(coefficients: list[Tensor], x: Tensor) -> Tensor:
    """`c_0 + c_1 x + c_2 x^2 + ...`."""
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


@custom_op(gradient=_gradient)
def _poly_norm(x: Tensor, weights: Tensor, *, epsilon: float) -> Tensor:
    degree = weights.shape[0]
    x, _, norms = _parts(x, degree, epsilon)
    return x * _horner([weights[degree - 1 - k] * norm for k, norm in enumerate(norms)], x)
