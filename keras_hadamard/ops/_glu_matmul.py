"""The gated product and the dense projection after it, as one op that does not keep the product."""

from collections.abc import Callable

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Activation, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._gated_product import gated_product, gated_product_gradient
from keras_hadamard.ops._shapes import compatible, static_shape


def glu_matmul(
    value: Tensor, gate: Tensor, kernel: Tensor, *, activation: Activation = "sigmoid"
) -> Tensor:
    """`(value * activation(gate)) kernel`, whose gradient keeps the two pre-activations.

    A matrix product keeps its operands; here they are computed again. `value` and `gate` are
    `(..., width)`, `kernel` is `(width, units)`. The gate is float32 for 16-bit floats.
    """
    shapes = [static_shape(t) for t in (value, gate, kernel)]
    one, other, two = shapes
    if not compatible(one, other) or len(two) != 2 or not compatible(one[-1:], two[:1]):
        raise received(
            "`value` and `gate` (..., width), and `kernel` (width, units)", shapes=shapes
        )
    return _glu_matmul(value, gate, kernel, activation=get_activation(activation))


def _gradient(
    upstream: Tensor,
    y: Tensor,
    value: Tensor,
    gate: Tensor,
    kernel: Tensor,
    *,
    activation: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor, Tensor]:
    back = ops.matmul(upstream, ops.transpose(kernel))
    grads = gated_product_gradient(back, y, value, gate, activation=activation)
    product = ops.reshape(gated_product(value, gate, activation=activation), (-1, kernel.shape[0]))
    rows = ops.reshape(upstream, (-1, kernel.shape[1]))
    return (*grads, ops.matmul(ops.transpose(product), rows))


@custom_op(gradient=_gradient)
def _glu_matmul(
    value: Tensor, gate: Tensor, kernel: Tensor, *, activation: Callable[[Tensor], Tensor]
) -> Tensor:
    return ops.matmul(gated_product(value, gate, activation=activation), kernel)
