"""Convolutions inside layers, with the kernel arguments of the layer that contains them."""

import math
from collections.abc import Callable
from typing import Any

from keras_hadamard._core.typing import Activation, Initializer, Shape
from keras_hadamard.layers._base import BaseLayer, tell_fan_in
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.layers._depthwise_conv import DepthwiseConv2D
from keras_hadamard.layers._fan_in import of_fan_in
from keras_hadamard.layers._initializers import initializer_for


def convolve(
    layer: BaseLayer,
    filters: int,
    kernel_size: int | tuple[int, ...],
    name: str,
    *,
    strides: int | tuple[int, ...] = 1,
    padding: str = "same",
    dilation: int | tuple[int, ...] = 1,
    activation: Activation = None,
    use_bias: bool | None = None,
    kind: Callable[..., Any] = CenteredConv2D,
    input_shape: Shape | None = None,
) -> Any:
    """Creates (and builds) a channels-last convolution, as `project` does a dense layer.

    `kind` is the class of the convolution, by default the centred one.
    """
    arguments = layer.kernel_arguments(name, activation, use_bias)
    if input_shape is not None:
        tell_fan_in(arguments, _taps(kernel_size) * (input_shape[-1] or 0))
    convolution = kind(
        filters,
        kernel_size,
        strides,
        padding=padding,
        dilation_rate=dilation,
        data_format="channels_last",
        **arguments,
    )
    if input_shape is not None:
        convolution.build(input_shape)
    return convolution


def convolve_depthwise(
    layer: BaseLayer,
    kernel_size: int | tuple[int, int],
    name: str,
    *,
    strides: int = 1,
    dilation: int = 1,
    activation: Activation = None,
    use_bias: bool | None = None,
    kernel_initializer: Initializer = None,
    input_shape: Shape | None = None,
) -> DepthwiseConv2D:
    """Creates (and builds) a channels-last depthwise convolution, as `project` does.

    `kernel_initializer` replaces the layer's.
    """
    arguments = layer.kernel_arguments(name, activation, use_bias)
    if kernel_initializer is not None:
        arguments["kernel_initializer"] = initializer_for(kernel_initializer, name)
    tell_fan_in(arguments, _taps(kernel_size))
    for what in ("initializer", "regularizer", "constraint"):
        arguments[f"depthwise_{what}"] = arguments.pop(f"kernel_{what}")
    initializer = arguments["depthwise_initializer"]
    arguments["depthwise_initializer"] = of_fan_in(initializer, _taps(kernel_size))
    convolution = DepthwiseConv2D(
        kernel_size,
        strides,
        padding="same",
        dilation_rate=dilation,
        data_format="channels_last",
        **arguments,
    )
    if input_shape is not None:
        convolution.build(input_shape)
    return convolution


def _taps(kernel_size: int | tuple[int, ...]) -> int:
    return math.prod((kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size)
