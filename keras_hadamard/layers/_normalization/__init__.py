"""Normalisations by name, as in the published networks."""

from collections.abc import Callable
from typing import Any

import keras

from keras_hadamard._core.checks import one_of
from keras_hadamard._core.typing import Shape
from keras_hadamard.layers._normalization.batch import EPSILON
from keras_hadamard.layers._normalization.batch import BatchNormalization as BatchNormalization
from keras_hadamard.layers._normalization.instance_batch import (
    InstanceBatchNormalization as InstanceBatchNormalization,
)
from keras_hadamard.layers._normalization.iterative import (
    IterativeNormalization as IterativeNormalization,
)


def _instance(**kwargs: Any) -> keras.layers.Layer:
    return keras.layers.GroupNormalization(-1, epsilon=EPSILON, center=False, scale=False, **kwargs)


def _layer(epsilon: float = EPSILON, **kwargs: Any) -> keras.layers.Layer:
    return keras.layers.LayerNormalization(epsilon=epsilon, **kwargs)


def _identity(**kwargs: Any) -> keras.layers.Layer:
    return keras.layers.Identity(**kwargs)


# All of them normalise the last axis.
KINDS: dict[str | None, Callable[..., keras.layers.Layer]] = {
    None: _identity,
    "batch": BatchNormalization,
    "instance": _instance,
    "layer": _layer,
    "instance_batch": InstanceBatchNormalization,
    "iterative": IterativeNormalization,
}


def normalization(
    kind: str | None, name: str, *, policy: Any, input_shape: Shape | None = None, **kwargs: Any
) -> keras.layers.Layer:
    """The normalisation of a name, `None` for the identity, built if its shape is given."""
    layer = KINDS[one_of("normalization", kind, KINDS)](name=name, dtype=policy, **kwargs)
    if input_shape is not None:
        layer.build(input_shape)
    return layer
