"""Activations by name: those of Keras, and further ones of the field.

This is the only place that resolves the name of an activation, so a name means the same function in
every layer, op and model.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import near, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Tensor

__all__ = ["gelu", "gelu_tanh", "get", "min_gru_g", "quick_gelu", "serialize", "sin"]


def __dir__() -> list[str]:
    return sorted(__all__)


@serializable
def gelu(x: Tensor) -> Tensor:
    """The exact GELU, in the full precision of the input's dtype.

    `gelu(x) = x * Phi(x)`, with the distribution function `Phi` of the normal distribution.
    `keras.activations.gelu` holds a root of two in float32, so it has seven digits in float64; for
    the other dtypes both are the same function.

    Args:
        x: Float tensor.

    Returns:
        Tensor of the shape of `x`.

    Example:

    >>> round(float(keras_hadamard.activations.gelu(keras.ops.array(1.0))), 4)
    0.8413

    Reference:
        - [Gaussian Error Linear Units (Hendrycks and Gimpel, 2016)](
          https://arxiv.org/abs/1606.08415)
    """
    if keras.backend.standardize_dtype(x.dtype) != "float64":
        return keras.activations.gelu(x)
    return 0.5 * x * _erfc(-x * math.sqrt(0.5))


def _erfc(x: Tensor) -> Tensor:
    # The difference has no digits left where x is large, but older versions of Keras have no more.
    return ops.erfc(x) if hasattr(ops, "erfc") else 1 - ops.erf(x)


@serializable
def gelu_tanh(x: Tensor) -> Tensor:
    """The approximation of GELU by tanh, which many published models use.

    `gelu_tanh(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`.

    Args:
        x: Float tensor.

    Returns:
        Tensor of the shape of `x`.

    Example:

    >>> round(float(keras_hadamard.activations.gelu_tanh(keras.ops.array(1.0))), 4)
    0.8412

    Reference:
        - [Gaussian Error Linear Units (Hendrycks and Gimpel, 2016)](
          https://arxiv.org/abs/1606.08415)
    """
    # (1 + tanh u) / 2 is sigmoid(2 u), which keeps its digits where u is negative.
    return x * ops.sigmoid(math.sqrt(8 / math.pi) * x * (1 + 0.044715 * x * x))


@serializable
def min_gru_g(x: Tensor) -> Tensor:
    """The activation of the candidate in minGRU and minLSTM.

    `g(x) = x + 0.5` where `x >= 0`, and `sigmoid(x)` elsewhere.

    Args:
        x: Float tensor.

    Returns:
        Tensor of the shape of `x`, positive everywhere.

    Example:

    >>> y = keras_hadamard.activations.min_gru_g(keras.ops.array([0.0, 1.0]))
    >>> [float(v) for v in y]
    [0.5, 1.5]

    Reference:
        - [Were RNNs All We Needed? (Feng et al., 2024)](https://arxiv.org/abs/2410.01201)
    """
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))


@serializable
def quick_gelu(x: Tensor) -> Tensor:
    """The approximation of GELU by a sigmoid, which CLIP and gpt-oss use.

    `quick_gelu(x) = x * sigmoid(1.702 x)`.

    Args:
        x: Float tensor.

    Returns:
        Tensor of the shape of `x`.

    Example:

    >>> round(float(keras_hadamard.activations.quick_gelu(keras.ops.array(1.0))), 4)
    0.8458

    Reference:
        - [Gaussian Error Linear Units (Hendrycks and Gimpel, 2016)](
          https://arxiv.org/abs/1606.08415)
    """
    return x * ops.sigmoid(1.702 * x)


@serializable
def sin(x: Tensor) -> Tensor:
    """The sine, at the end of a multiplicative filter network.

    `sin(x)`, of `x` in radians.

    Args:
        x: Float tensor.

    Returns:
        Tensor of the shape of `x`.

    Example:

    >>> float(keras_hadamard.activations.sin(keras.ops.array(0.0)))
    0.0

    Reference:
        - [Multiplicative Filter Networks (Fathony et al., 2021)](
          https://openreview.net/forum?id=OmtmcPkkhT)
    """
    return ops.sin(x)


_NAMED = {f.__name__: f for f in (gelu, gelu_tanh, min_gru_g, quick_gelu, sin)}
# Names that belong to gated units. A layer that is such a unit takes the activation of its gate.
_GATED = {"glu": "sigmoid", "geglu": "gelu", "swiglu": "silu", "reglu": "relu", "bilinear": None}


def get(identifier: Activation) -> Callable[[Any], Any]:
    """Returns the activation function of a name.

    Args:
        identifier: A name: `"gelu"`, `"gelu_tanh"`, `"min_gru_g"`, `"quick_gelu"`, `"sin"` or one
            that `keras.activations.get` knows; a function or layer, which is returned unchanged, or
            its saved configuration; or `None`, the identity.

    Returns:
        A function of a tensor.

    Raises:
        ValueError: If there is no such activation.

    Example:

    >>> keras_hadamard.activations.get("gelu_tanh") is keras_hadamard.activations.gelu_tanh
    True
    """
    if identifier is keras.activations.gelu:
        return gelu
    if isinstance(identifier, str):
        if identifier in _NAMED:
            return _NAMED[identifier]
        if identifier.lower() in _GATED:
            gate = _GATED[identifier.lower()]
            raise received(
                f"an activation. {identifier!r} is a gated unit: `GatedDense` and `GatedMLP` with "
                f"`activation={gate!r}`",
                activation=identifier,
            )
    try:
        function: Callable[[Any], Any] = keras.activations.get(identifier)
    except (ValueError, TypeError) as error:
        known = [*_NAMED, *(n for n in dir(keras.activations) if n not in _NOT_ACTIVATIONS)]
        hint = near(identifier, known)
        expected = f"the name of an activation, a function of a tensor, or `None`{hint}"
        raise received(expected, activation=identifier) from error
    return gelu if function is keras.activations.gelu else function


_NOT_ACTIVATIONS = ("get", "serialize", "deserialize")


def serialize(activation: Callable[[Any], Any]) -> Any:
    """Returns an identifier of the activation for `get`: a name, or a configuration.

    Args:
        activation: A function that `get` returned.

    Returns:
        A string for an activation with a name, otherwise a dictionary.

    Example:

    >>> keras_hadamard.activations.serialize(keras_hadamard.activations.sin)
    'sin'
    """
    name = getattr(activation, "__name__", None)
    if name in _NAMED and _NAMED[name] is activation:
        return name
    return keras.activations.serialize(activation)
