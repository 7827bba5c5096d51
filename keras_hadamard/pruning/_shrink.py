"""Smaller layers that replace those with filters that nothing depends on."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard.pruning._graph import WIDTHS, Graph, Step, zero_at_zero

# What a layer keeps: the axis of a variable, and the entries along it.
Cuts = dict[int, list[tuple[int, np.ndarray]]]


def shrunk(model: keras.Model) -> keras.Model:
    """The model without the filters that are zero, or that all following kernels ignore.

    Where a channel reaches an output of the model, a sum, a concatenation, or a layer that is not
    known to treat channels separately, its filter stays.
    """
    graph = Graph(model)
    widths: dict[int, int] = {}
    cuts: Cuts = {}
    for layer in all_layers(model):
        if type(layer) not in WIDTHS or id(layer) in widths:
            continue
        steps = graph.channel_path(layer)
        kept = _kept(layer, steps)
        if not kept.all():
            widths[id(layer)] = int(kept.sum())
            _cut(cuts, layer, steps, kept)
    if not widths:
        return model

    def smaller(layer: Any) -> Any:
        config = layer.get_config()
        if id(layer) in widths:
            config[WIDTHS[type(layer)]] = widths[id(layer)]
        return type(layer).from_config(config)

    new = keras.models.clone_model(model, clone_function=smaller, recursive=True)
    for old_weight, new_weight in zip(model.weights, new.weights, strict=True):
        value = ops.convert_to_numpy(old_weight)
        for axis, kept in cuts.get(id(old_weight), []):
            value = value.compress(kept, axis)
        new_weight.assign(value)
    return new


def _kept(layer: Any, steps: list[Step]) -> np.ndarray:
    """Which filters of a layer are needed."""
    kernel = ops.convert_to_numpy(layer.kernel)
    zero = ~np.moveaxis(kernel, _outputs(layer), -1).reshape(-1, _width(layer)).any(axis=0)
    if layer.bias is not None:
        zero &= ops.convert_to_numpy(layer.bias) == 0
    zero &= zero_at_zero(layer.activation)
    needed = np.zeros(zero.size, bool)
    leaving: dict[int, np.ndarray] = {-1: zero}
    for index, step in enumerate(steps):
        entering = leaving[step.parent]
        if step.role == "stop":
            needed[:] = True
        elif step.role == "reader":
            weights = ops.convert_to_numpy(step.layer.kernel)
            rows = np.moveaxis(weights, _inputs(step.layer), 0).reshape(entering.size, -1)
            needed[step.channels[~entering & rows.any(axis=1)]] = True
        else:
            leaving[index] = _still_zero(step, entering)
    if not needed.any():
        needed[0] = True
    return needed


def _still_zero(step: Step, zero: np.ndarray) -> np.ndarray:
    layer = step.layer
    if step.role == "norm":
        mean, variance = (
            ops.convert_to_numpy(v).astype("float64")
            for v in (layer.moving_mean, layer.moving_variance)
        )
        value = -mean / np.sqrt(variance + layer.epsilon)
        if layer.gamma is not None:
            value = value * ops.convert_to_numpy(layer.gamma)
        if layer.beta is not None:
            value = value + ops.convert_to_numpy(layer.beta)
        return zero & (value == 0)
    zero = zero[step.leaving]
    if step.role == "depthwise":
        if layer.bias is not None:
            zero = zero & (ops.convert_to_numpy(layer.bias) == 0)
        return zero & zero_at_zero(layer.activation)
    function = layer if not hasattr(layer, "activation") else layer.activation
    if step.leaving.size == step.channels.size and hasattr(layer, "activation"):
        return zero & zero_at_zero(function)
    return zero


def _cut(cuts: Cuts, layer: Any, steps: list[Step], kept: np.ndarray) -> None:
    def cut(variable: Any, axis: int, which: np.ndarray) -> None:
        if variable is not None:
            cuts.setdefault(id(variable), []).append((axis, which))

    cut(layer.kernel, _outputs(layer), kept)
    cut(layer.bias, 0, kept)
    for step in steps:
        which = kept[step.channels]
        if step.role == "norm":
            for name in ("gamma", "beta", "moving_mean", "moving_variance"):
                cut(getattr(step.layer, name), 0, which)
        elif step.role == "depthwise":
            cut(step.layer.kernel, -2, which)
            cut(step.layer.bias, 0, which[step.leaving])
        elif step.role == "reader":
            cut(step.layer.kernel, _inputs(step.layer), which)


def _width(layer: Any) -> int:
    return int(getattr(layer, WIDTHS[type(layer)]))


def _outputs(layer: Any) -> int:
    return -2 if "Transpose" in type(layer).__name__ else -1


def _inputs(layer: Any) -> int:
    return -1 if "Transpose" in type(layer).__name__ else -2
