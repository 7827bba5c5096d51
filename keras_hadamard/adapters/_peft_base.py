"""Weights of a PEFT file that replace the base's own: biases, and whole layers."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.private import inner_layers
from keras_hadamard.adapters._adaptable_kernel import AdaptableKernel
from keras_hadamard.adapters._torch_layout import our_kernel

_L = keras.layers
_CENTRED = {"weight": "gamma", "bias": "beta"}
_NAMES = {
    _L.BatchNormalization: {
        **_CENTRED,
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
    _L.LayerNormalization: _CENTRED,
    _L.GroupNormalization: _CENTRED,
    _L.RMSNormalization: {"weight": "scale"},
}
Change = tuple[Any, np.ndarray]


def normalisations(layer: Any, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """The normalisations of a model, by the names of layers from the outside in."""
    found: dict[str, Any] = {}
    for inner in inner_layers(layer):
        path = (*names, inner.name)
        if isinstance(inner, tuple(_NAMES)):
            found["/".join(path)] = inner
        found |= normalisations(inner, path)
    return found


def base_changes(
    adaptable: AdaptableKernel, tensors: Mapping[str, np.ndarray], fan_in_fan_out: bool
) -> list[Change]:
    """The kernel and the bias with their new values."""
    changes: list[Change] = []
    for name, array in tensors.items():
        if name == "weight":
            changes.append(
                (adaptable.kernel.variable, our_kernel(array, adaptable, fan_in_fan_out))
            )
        else:
            bias = adaptable.bias if name == "bias" else None
            changes.append(_change(adaptable.kernel.path, name, bias, array))
    return changes


def normalisation_changes(path: str, layer: Any, tensors: Mapping[str, np.ndarray]) -> list[Change]:
    """The weights of a normalisation with their new values."""
    names = next(names for kind, names in _NAMES.items() if isinstance(layer, kind))
    return [
        _change(path, name, getattr(layer, names.get(name, ""), None), array)
        for name, array in tensors.items()
    ]


def _change(path: str, name: str, variable: Any, array: np.ndarray) -> Change:
    if variable is None or int(np.prod(variable.shape)) != array.size:
        raise received(
            f"the layer of {path!r} to have a `{name}` with as many values as in the file",
            layer=None if variable is None else tuple(variable.shape),
            file=array.shape,
        )
    return variable, np.asarray(array, "float32").reshape(variable.shape)
