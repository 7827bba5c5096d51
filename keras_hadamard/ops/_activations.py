"""Activations by name: Keras's, the field's that Keras has no name for, and an exact GELU."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Tensor


@serializable
def positive(x: Tensor) -> Tensor:
    """The candidate's activation in minGRU: `x + 0.5` above zero, `sigmoid(x)` below.

    Args:
        x: Float tensor.

    Returns:
        Tensor of the shape of `x`, positive everywhere.

    Example:

    >>> y = keras_hadamard.layers.positive(keras.ops.array([0.0, 1.0]))
    >>> [float(v) for v in y]
    [0.5, 1.5]

    Reference:
        - [Were RNNs All We Needed? (Feng et al., 2024)](https://arxiv.org/abs/2410.01201)
    """
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))


@serializable
def gelu_tanh(x: Tensor) -> Tensor:
    """GELU in its approximation by tanh, which many published models use.

    Args:
        x: Float tensor.

    Returns:
        Tensor of the shape of `x`.

    Example:

    >>> round(float(keras_hadamard.layers.gelu_tanh(keras.ops.array(1.0))), 4)
    0.8412

    Reference:
        - [Gaussian Error Linear Units (Hendrycks and Gimpel, 2016)](
          https://arxiv.org/abs/1606.08415)
    """
    return 0.5 * x * (1 + ops.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


@serializable
def sine(x: Tensor) -> Tensor:
    """The sine, at the end of a multiplicative filter network."""
    return ops.sin(x)


def _gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + ops.erf(x * math.sqrt(0.5)))


_NAMED = {"positive": positive, "gelu_tanh": gelu_tanh, "sin": sine}


def get(activation: Activation) -> Callable[[Any], Any]:
    """The function of a name: one of ours, or as `keras.activations.get` resolves it."""
    if isinstance(activation, str) and activation in _NAMED:
        return _NAMED[activation]
    function: Callable[[Any], Any] = keras.activations.get(activation)
    return function


def apply(activation: Callable[[Any], Any], x: Tensor) -> Tensor:
    """The activation of `x`, in full float64 precision too.

    TensorFlow's GELU holds the square root of two as a float32 whatever the dtype.
    """
    return _gelu(x) if activation is keras.activations.gelu else activation(x)
