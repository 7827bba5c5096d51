"""Arguments, output shape and arithmetic of dense layers that change their kernel."""

from typing import Any

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor


class DenseArguments(ProjectionArguments, total=False):
    """Further arguments of `keras.layers.Dense`."""

    lora_rank: int | None
    lora_alpha: float | None
    quantization_config: Any


def dense_shape(input_shape: Shape, units: int) -> Shape:
    """The output's shape."""
    if len(input_shape) < 2 or input_shape[-1] is None:
        raise received("an input (batch, ..., width) of known width", shape=input_shape)
    return (*input_shape[:-1], units)


def affine(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """`x @ kernel + bias`, without the sum where there is no bias."""
    y = ops.matmul(x, kernel)
    return y if bias is None else ops.add(y, bias)
