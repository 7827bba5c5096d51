"""The search space of gated dense layers."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from keras_hadamard import layers
from keras_hadamard.tuning.spaces import Option, Space


def _gated(activation: str) -> Callable[..., keras.layers.Layer]:
    return lambda units, **kwargs: layers.GatedDense(units, activation=activation, **kwargs)


GATINGS = Space(
    options={
        "dense": Option(
            lambda units, **kwargs: keras.layers.Dense(units, activation="relu", **kwargs)
        ),
        "glu": Option(_gated("sigmoid")),
        "swiglu": Option(_gated("silu")),
        "geglu": Option(_gated("gelu")),
        "reglu": Option(_gated("relu")),
        "bilinear": Option(_gated("linear")),
    },
    parameters={},
)


def gating_space(
    hp: Any, *, units: int = 128, include: Iterable[str] | None = None, name: str = "gating"
) -> keras.layers.Layer:
    """Returns a dense layer, plain or gated, that `hp` chose.

    The default, `"dense"`, is `keras.layers.Dense` with a ReLU. The others multiply a value with an
    activated gate, and so have twice its weights at the same width.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        units: Positive integer, the width of the output. Defaults to `128`.
        include: Names of the layers to choose from, of `"dense"`, `"glu"`, `"swiglu"`, `"geglu"`,
            `"reglu"` and `"bilinear"`. Defaults to `None`, all of them.
        name: String, the name of the parameter and of the layer. Defaults to `"gating"`.

    Returns:
        A `keras.layers.Layer` that takes one tensor.

    Raises:
        ValueError: If `include` names no or an unknown layer, or `units` is not positive.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["gating"] = "swiglu"
    >>> layer = keras_hadamard.tuning.gating_space(hp, units=6)
    >>> type(layer).__name__, layer(keras.ops.ones((2, 7))).shape
    ('GatedDense', TensorShape([2, 6]))
    """
    return GATINGS.layer(hp, units, GATINGS.kinds(include), name)
