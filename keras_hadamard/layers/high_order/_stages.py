"""Normalised convolutions, and the shapes of strided images."""

from typing import Any, TypeAlias

from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import check_image_shape, to_last_shape
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._normalization import normalization

Stage: TypeAlias = list[Any]


def normalized_convolution(
    layer: BaseLayer,
    shape: Shape,
    filters: int,
    kernel_size: int,
    name: str,
    kind: str | None,
    *,
    strides: int = 1,
    **norm: Any,
) -> Stage:
    """A convolution of a channels-last image of `shape` and its normalisation, both built."""
    convolution = convolve(
        layer, filters, kernel_size, f"{name}_convolution", strides=strides, input_shape=shape
    )
    return [
        convolution,
        normalization(
            kind,
            f"{name}_normalization",
            policy=layer.dtype_policy,
            input_shape=tuple(convolution.compute_output_shape(shape)),
            **norm,
        ),
    ]


def apply_layers(layers: Stage, x: Tensor) -> Tensor:
    """The output of a chain of layers."""
    for layer in layers:
        x = layer(x)
    return x


def strided_image(input_shape: Shape, filters: int, strides: int, data_format: str) -> Shape:
    """The shape of an image of `filters` channels, `strides` times smaller than the input."""
    batch, *sides, _ = check_image_shape(input_shape, data_format)
    sides = [None if n is None else -(-n // strides) for n in sides]
    return to_last_shape((batch, *sides, filters), data_format, back=True)
