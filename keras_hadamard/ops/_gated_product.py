"""The product with an activated gate and its gradient, shared by several ops."""

from collections.abc import Callable

import keras
from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._vjp import vjp


def gated_product(value: Tensor, gate: Tensor, *, activation: Callable[[Tensor], Tensor]) -> Tensor:
    dtype = accumulation_dtype(value.dtype)
    activated = activation(ops.cast(gate, dtype))
    return ops.cast(ops.cast(value, dtype) * activated, value.dtype)


def gated_product_gradient(
    upstream: Tensor,
    y: Tensor,
    value: Tensor,
    gate: Tensor,
    *,
    activation: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """The gradients of value and gate, from only these two."""
    del y
    dtype = accumulation_dtype(value.dtype)
    upstream, value32, gate32 = (ops.cast(t, dtype) for t in (upstream, value, gate))
    if activation is keras.activations.sigmoid:
        activated = ops.sigmoid(gate32)
        # Not one minus the gate: for an open gate, all digits would cancel.
        grad_gate = upstream * value32 * activated * ops.sigmoid(-gate32)
    else:
        activated, pullback = vjp(activation, gate32)
        (grad_gate,) = pullback(upstream * value32)
    return ops.cast(upstream * activated, value.dtype), ops.cast(grad_gate, gate.dtype)
