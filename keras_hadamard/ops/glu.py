"""The gated linear unit's product."""

from collections.abc import Callable

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Activation, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._gated_product import gated_product, gated_product_gradient
from keras_hadamard.ops._shapes import compatible, static_shape


def glu(value: Tensor, gate: Tensor, *, activation: Activation = "sigmoid") -> Tensor:
    """Gated product `value * activation(gate)`, elementwise.

    With `"sigmoid"` the gated linear unit, with `"gelu"` GEGLU, `"silu"` SwiGLU, `"relu"` ReGLU and
    `None` the bilinear unit. The gradient keeps only the two pre-activations and computes the
    activated gate again.

    Args:
        value: Float tensor.
        gate: Float tensor of the shape of `value`.
        activation: Name or function of the gate's activation, as Keras resolves it. Defaults to
            `"sigmoid"`.

    Returns:
        Tensor of the shape of `value`.

    Numerics:
        Activation and product are float32 for float16 and bfloat16 input.

    Raises:
        ValueError: If the shapes differ, the dtypes are not one floating dtype, or the activation
            is unknown.

    Example:

    >>> value, gate = keras.ops.array([2.0, 3.0]), keras.ops.array([1.0, -1.0])
    >>> y = keras_hadamard.ops.glu(value, gate, activation="relu")
    >>> [float(v) for v in y]
    [2.0, 0.0]

    Reference:
        - [Language Modeling with Gated Convolutional Networks (Dauphin et al., 2017)](
          https://arxiv.org/abs/1612.08083)
        - [GLU Variants Improve Transformer (Shazeer, 2020)](https://arxiv.org/abs/2002.05202)
    """
    if not compatible(static_shape(value), static_shape(gate)):
        raise received(
            "`value` and `gate` to have the same shape",
            value_shape=static_shape(value),
            gate_shape=static_shape(gate),
        )
    return _glu(value, gate, activation=get_activation(activation))


@custom_op(gradient=gated_product_gradient)
def _glu(value: Tensor, gate: Tensor, *, activation: Callable[[Tensor], Tensor]) -> Tensor:
    return gated_product(value, gate, activation=activation)
