"""Weights that have to be zero together with a filter, so that its whole channel is zero."""

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
class CoupledWeight:
    """A variable, and its mask as a function of that of the filters."""

    variable: Any
    mask: Callable[[np.ndarray], np.ndarray]


def coupled_weights(graph: Graph, kernel: Kernel) -> list[CoupledWeight]:
    """The bias, and the weights of the normalisations and depthwise convolutions that follow."""
    found: list[CoupledWeight] = []
    bias = getattr(kernel.layer, "bias", None)
    shape = () if bias is None else tuple(bias.shape)
    if shape and isinstance(kernel.layer, _WITH_BIAS) and int(np.prod(shape)) == kernel.view[2]:
        found.append(CoupledWeight(bias, lambda filters: filters.reshape(shape)))
    for step in graph.channel_path(kernel.layer):
        if step.zero and step.role in ("norm", "depthwise"):
            found += _of_layer(step.layer, step.channels, step.leaving)
    return found


def _of_layer(layer: Any, channels: np.ndarray, leaving: np.ndarray) -> list[CoupledWeight]:
    if isinstance(layer, _L.BatchNormalization):
        weights = [w for w in (layer.gamma, layer.beta) if w is not None]
        return [CoupledWeight(w, lambda filters: filters[channels]) for w in weights]
    shape = tuple(layer.kernel.shape)
    found = [
        CoupledWeight(layer.kernel, lambda f: np.broadcast_to(f[channels][:, None], shape).copy())
    ]
    if layer.bias is not None:
        found.append(CoupledWeight(layer.bias, lambda filters: filters[channels][leaving]))
    return found
