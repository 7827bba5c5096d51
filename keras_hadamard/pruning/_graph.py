"""Dependency graph of a functional or sequential model: where the channels of a layer go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.introspection.kernels import is_depthwise
from keras_hadamard._core.introspection.private import all_layers, calls_in, graph_of

_L = keras.layers
_CONVOLUTIONS = (_L.Conv1D, _L.Conv2D, _L.Conv3D)
_TRANSPOSED = (_L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose)
_ACTIVATIONS = (_L.Activation, _L.ReLU, _L.LeakyReLU, _L.ELU)
# Layers that treat each channel separately, and give zeros for zeros.
_PASSING = (
    *(_L.Dropout, _L.SpatialDropout1D, _L.SpatialDropout2D, _L.SpatialDropout3D),
    *(_L.MaxPooling1D, _L.MaxPooling2D, _L.MaxPooling3D),
    *(_L.AveragePooling1D, _L.AveragePooling2D, _L.AveragePooling3D),
    *(_L.ZeroPadding1D, _L.ZeroPadding2D, _L.ZeroPadding3D),
    *(_L.Cropping1D, _L.Cropping2D, _L.Cropping3D),
    *(_L.UpSampling1D, _L.UpSampling2D, _L.UpSampling3D),
    _L.ActivityRegularization,
)
_GLOBAL = (
    *(_L.GlobalAveragePooling1D, _L.GlobalAveragePooling2D, _L.GlobalAveragePooling3D),
    *(_L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D, _L.GlobalMaxPooling3D),
)
# The layers that can be made with fewer outputs, and the argument with their number.
WIDTHS = {_L.Dense: "units", **dict.fromkeys(_CONVOLUTIONS + _TRANSPOSED, "filters")}


@dataclass(frozen=True)
class Step:
    """A layer on the path of a producer's channels.

    `role` is `norm`, `depthwise`, `pass`, `reader` where the path ends in a kernel, or `stop` where
    it ends in anything else. `channels` has, for each incoming channel, the filter that made it,
    and `leaving`, for each outgoing channel, the incoming one. `zero` tells whether a filter of
    zeros comes in as zeros, if the weights on the path allow it. `parent` is the step before, -1
    the producer.
    """

    layer: Any
    role: str
    channels: np.ndarray
    leaving: np.ndarray
    zero: bool
    parent: int


class Graph:
    """The calls of all layers in a model and in its nested models."""

    def __init__(self, model: keras.Model) -> None:
        self.outputs: set[int] = set()
        self._makers: dict[int, Any] = {}
        self._graphs: dict[int, list[Any]] = {}
        self._model = model
        self.calls: dict[int, list[Any]] = {}
        self.readers: dict[int, list[Any]] = {}
        seen: set[int] = set()
        for layer in all_layers(model):
            graph = graph_of(layer)
            if graph is None:
                continue
            self.outputs.update(map(id, graph.outputs))
            self._graphs[id(layer)] = graph.outputs
            for node in calls_in(graph):
                if id(node) in seen:
                    continue
                seen.add(id(node))
                self.calls.setdefault(id(node.operation), []).append(node)
                self._makers.update((id(tensor), node) for tensor in node.outputs)
                for tensor in node.input_tensors:
                    self.readers.setdefault(id(tensor), []).append(node)

    def last(self) -> set[int]:
        """The ids of the layers with weights that only layers without weights follow."""
        found: set[int] = set()
        tensors = list(self._graphs.get(id(self._model), []))
        while tensors:
            node = self._makers.get(id(tensors.pop()))
            if node is None or id(node.operation) in found:
                continue
            if id(node.operation) in self._graphs:
                tensors += self._graphs[id(node.operation)]
            elif getattr(node.operation, "weights", None):
                found.add(id(node.operation))
            else:
                tensors += node.input_tensors
        return found

    def channel_path(self, layer: Any) -> list[Step]:
        """The layers that the channels of a layer reach; a stop where that is unknown."""
        filters = getattr(layer, WIDTHS.get(type(layer), ""), 0)
        channels = np.arange(filters)
        steps: list[Step] = []
        calls = self.calls.get(id(layer), [])
        activation = getattr(layer, "activation", None)
        if (
            not filters
            or len(calls) != 1
            or len(calls[0].outputs) != 1
            or getattr(layer, "groups", 1) != 1
            or not elementwise(activation)
        ):
            return [Step(None, "stop", channels, channels, False, -1)]
        self._trace(
            steps, calls[0].outputs[0], _axis(layer, calls[0].outputs[0]), channels,
            zero_at_zero(activation), -1,
        )  # fmt: skip
        return steps

    def _trace(
        self,
        steps: list[Step],
        tensor: Any,
        axis: int,
        channels: np.ndarray,
        zero: bool,
        parent: int,
    ) -> None:
        readers = self.readers.get(id(tensor), [])
        if id(tensor) in self.outputs or not readers:
            steps.append(Step(None, "stop", channels, channels, zero, parent))
        for node in readers:
            layer = node.operation
            role, leaving, out_axis = "stop", np.arange(channels.size), axis
            if len(self.calls[id(layer)]) == 1 and len(node.input_tensors) == 1:
                role, leaving, out_axis = _role(layer, tensor, axis, channels.size)
            steps.append(Step(layer, role, channels, leaving, zero, parent))
            if role in ("norm", "depthwise", "pass"):
                still = zero and zero_at_zero(_function(layer))
                self._trace(
                    steps, node.outputs[0], out_axis, channels[leaving], still, len(steps) - 1
                )


def _role(layer: Any, tensor: Any, axis: int, width: int) -> tuple[str, np.ndarray, int]:
    """The role of a layer with channels on `axis`, its outgoing channels, and their axis."""
    kind, rank = type(layer), len(tensor.shape)
    same = np.arange(width)
    if kind is _L.BatchNormalization and layer.axis % rank == axis:
        return "norm", same, axis
    if is_depthwise(None, layer) and _axis(layer, tensor) == axis:
        if elementwise(layer.activation):
            return "depthwise", same.repeat(layer.depth_multiplier), axis
    elif kind in _PASSING:
        if getattr(layer, "data_format", None) is None or _axis(layer, tensor) == axis:
            return "pass", same, axis
    elif kind in _GLOBAL and _axis(layer, tensor) == axis:
        return "pass", same, axis if layer.keepdims else 1
    elif kind in _ACTIVATIONS and elementwise(_function(layer)):
        return "pass", same, axis
    elif kind is _L.Flatten and None not in tensor.shape[1:]:
        others = int(np.prod(tensor.shape[1:])) // width
        if axis == rank - 1 and layer.data_format == "channels_last":
            return "pass", np.tile(same, others), 1
    elif (kind is _L.Dense and axis == rank - 1) or (
        kind in _CONVOLUTIONS + _TRANSPOSED
        and getattr(layer, "groups", 1) == 1
        and _axis(layer, tensor) == axis
    ):
        return "reader", same, axis
    return "stop", same, axis


def _axis(layer: Any, tensor: Any) -> int:
    """The axis of a layer's channels."""
    first = getattr(layer, "data_format", None) == "channels_first"
    return 1 if first else len(tensor.shape) - 1


def _function(layer: Any) -> Callable[..., Any] | None:
    """The elementwise function of a layer, except its weights."""
    if type(layer) in (_L.ReLU, _L.LeakyReLU, _L.ELU):
        return layer
    function: Callable[..., Any] | None = getattr(layer, "activation", None)
    return function


def zero_at_zero(function: Callable[..., Any] | None) -> bool:
    """Whether `f(0) = 0`."""
    return function is None or not ops.convert_to_numpy(function(ops.zeros((1, 2)))).any()


def elementwise(function: Callable[..., Any] | None) -> bool:
    """Whether a function treats each channel by itself, which a softmax does not."""
    if function is None:
        return True
    first, second = (
        ops.convert_to_numpy(function(ops.convert_to_tensor([[value, 0.5, -0.5]], "float32")))
        for value in (1.0, -2.0)
    )
    return first.shape == second.shape == (1, 3) and bool((first[:, 1:] == second[:, 1:]).all())
