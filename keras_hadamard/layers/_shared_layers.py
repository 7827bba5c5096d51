"""Configurations of sublayers, several of which may be the same layer."""

from collections.abc import Sequence
from typing import Any

import keras


def serialized(layers: Sequence[keras.layers.Layer | None]) -> list[Any]:
    """The configuration of each layer; for a repeated one, the index of its first occurrence."""
    first: dict[int, int] = {}
    configs: list[Any] = []
    for place, layer in enumerate(layers):
        if layer is None:
            configs.append(None)
        elif first.setdefault(id(layer), place) < place:
            configs.append(first[id(layer)])
        else:
            configs.append(keras.saving.serialize_keras_object(layer))
    return configs


def deserialized(configs: Sequence[Any]) -> list[keras.layers.Layer | None]:
    """The layers of such configurations, shared as before."""
    layers: list[keras.layers.Layer | None] = []
    for config in configs:
        shared = isinstance(config, int)
        layers.append(layers[config] if shared else keras.saving.deserialize_keras_object(config))
    return layers
