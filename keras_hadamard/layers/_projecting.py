"""What the layers share that are made of dense projections."""

import math
from collections.abc import Callable
from typing import Any

import keras

from keras_hadamard import activations
from keras_hadamard._typing import Activation, Initializer, Shape
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.layers._depthwise_conv import DepthwiseConv2D
from keras_hadamard.layers._fan_in import of_fan_in
from keras_hadamard.layers._initializers import block_initializer, initializer_for


class ProjectingLayer(BaseLayer):
    """Base of layers with dense projections: the arguments of their kernels and biases, once."""

    def __init__(
        self,
        *,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def project(
        self,
        units: int,
        name: str,
        *,
        activation: Activation = None,
        use_bias: bool | None = None,
        blocks: int = 1,
        bias_initializer: Initializer = None,
        kind: Callable[..., Any] = keras.layers.Dense,
        input_shape: Shape | None = None,
    ) -> Any:
        """Creates (and builds) a dense projection.

        `blocks` is how many projections of `units` the kernel holds side by side; each of them is
        initialised as if it stood alone. `bias_initializer` stands in for the layer's,
        and `kind` for `keras.layers.Dense`.
        """
        arguments = self._kernel_arguments(name, activation, use_bias, blocks)
        if bias_initializer is not None:
            arguments["bias_initializer"] = bias_initializer
        if input_shape is not None:
            _tell_fan_in(arguments, input_shape[-1])
        dense = kind(units * blocks, **arguments)
        if input_shape is not None:
            dense.build(input_shape)
        return dense

    def convolve(
        self,
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

        `kind` is the layer that convolves, where another than the centred one is wanted.
        """
        arguments = self._kernel_arguments(name, activation, use_bias)
        if input_shape is not None:
            _tell_fan_in(arguments, _taps(kernel_size) * (input_shape[-1] or 0))
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
        self,
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

        `kernel_initializer` stands in for the layer's.
        """
        arguments = self._kernel_arguments(name, activation, use_bias)
        if kernel_initializer is not None:
            arguments["kernel_initializer"] = initializer_for(kernel_initializer, name)
        _tell_fan_in(arguments, _taps(kernel_size))
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

    def _kernel_arguments(
        self, name: str, activation: Activation, use_bias: bool | None, blocks: int = 1
    ) -> dict[str, Any]:
        arguments = {**self.shared_arguments(name), "name": name}
        arguments["activation"] = activations.get(activation)
        if use_bias is not None:
            arguments["use_bias"] = use_bias
        if blocks > 1:
            arguments["kernel_initializer"] = block_initializer(
                self.kernel_initializer, name, blocks
            )
        return arguments

    def shared_arguments(self, name: str) -> dict[str, Any]:
        """What the sublayer of a name takes over from this one."""
        return {
            "use_bias": self.use_bias,
            "kernel_initializer": initializer_for(self.kernel_initializer, name),
            "bias_initializer": initializer_for(self.bias_initializer, name),
            "kernel_regularizer": self.kernel_regularizer,
            "bias_regularizer": self.bias_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "bias_constraint": self.bias_constraint,
            "dtype": self.dtype_policy,
        }

    def sublayer(self, kind: Callable[..., Any], *args: Any, name: str, **kwargs: Any) -> Any:
        """Creates a sublayer of a class that has the arguments of this one.

        What is given stands in for what is shared.
        """
        return kind(*args, name=name, **{**self.shared_arguments(name), **kwargs})

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }


def _taps(kernel_size: int | tuple[int, ...]) -> int:
    return math.prod((kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size)


def _tell_fan_in(arguments: dict[str, Any], fan_in: int | None) -> None:
    if fan_in:
        arguments["bias_initializer"] = of_fan_in(arguments["bias_initializer"], fan_in)
