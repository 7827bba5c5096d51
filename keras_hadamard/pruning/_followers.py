"""What has to be zero together with a filter, so that its whole channel is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.introspection.kernels import Kernel
from keras_hadamard.pruning._graph import Graph

_L = keras.layers
_WITH_BIAS = (
    *(_L.Dense, _L.EinsumDense, _L.Conv1D, _L.Conv2D, _L.Conv3D),
    *(_L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose),
    *(_L.SeparableConv1D, _L.SeparableConv2D),
)


@dataclass(frozen=True)
class Follower:
    """A variable, and its mask as a function of that of the filters."""

    variable: Any
    mask: Callable[[np.ndarray], np.ndarray]


def followers_of(graph: Graph, kernel: Kernel) -> list[Follower]:
    """The bias, and the weights of normalisations and depthwise convolutions that follow."""
    found: list[Follower] = []
    bias = getattr(kernel.layer, "bias", None)
    shape = () if bias is None else tuple(bias.shape)
    if shape and isinstance(kernel.layer, _WITH_BIAS) and int(np.prod(shape)) == kernel.view[2]:
        found.append(Follower(bias, lambda filters: filters.reshape(shape)))
    for step in graph.way(kernel.layer):
        if step.zero and step.role in ("norm", "depthwise"):
            found += _of_layer(step.layer, step.channels, step.leaving)
    return found


def _of_layer(layer: Any, channels: np.ndarray, leaving: np.ndarray) -> list[Follower]:
    if isinstance(layer, _L.BatchNormalization):
        weights = [w for w in (layer.gamma, layer.beta) if w is not None]
        return [Follower(w, lambda filters: filters[channels]) for w in weights]
    shape = tuple(layer.kernel.shape)
    found = [Follower(layer.kernel, lambda f: np.broadcast_to(f[channels][:, None], shape).copy())]
    if layer.bias is not None:
        found.append(Follower(layer.bias, lambda filters: filters[channels][leaving]))
    return found
