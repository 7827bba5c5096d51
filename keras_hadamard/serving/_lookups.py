"""The ids that a model looks up: from which of its inputs, and the range that has rows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.introspection.private import (
    call_again,
    call_behind,
    calls_in,
    graph_of,
)
from keras_hadamard._core.typing import Tensor
from keras_hadamard.datasets._layers import Ids
from keras_hadamard.layers import FieldAwareFactorizationMachine

# What these give are values of what they take, at other places.
_KEEPING_LAYERS = (
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Permute,
    keras.layers.RepeatVector,
    keras.layers.Reshape,
)
_KEEPING_OPS = frozenset(
    ("Cast", "ExpandDims", "Flip", "GetItem", "Identity", "Moveaxis", "Ravel", "Repeat")
    + ("Reshape", "Roll", "Split", "Squeeze", "Swapaxes", "Take", "Tile", "Transpose")
)


@dataclass(frozen=True)
class Lookup:
    """Ids that are read from an input by `steps`, from `low` up to but without `high`.

    `low` and `high` are integers, or arrays with one for each place of the last axis after the
    steps.
    """

    input: str
    steps: tuple[Callable[[Tensor], Tensor], ...]
    low: Any
    high: Any

    def ids(self, value: Tensor) -> Tensor:
        for step in self.steps:
            value = step(value)
        return value


def lookups_of(model: keras.Model, after: Iterable[Lookup] = ()) -> list[Lookup]:
    """The lookups of a model whose graph is known, by the names of its inputs, each once.

    Those `after` are of another model, which takes what this one returns as a dict.
    """
    found: dict[Any, Lookup] = {}
    graph = inner_graph(model)
    passed = (_from_input(graph.output[one.input], one, graph) for one in after)
    for lookup in [*_lookups(model), *(one for one in passed if one is not None)]:
        # Two embeddings of one input are one check, of the smaller vocabulary.
        key = (lookup.input, lookup.steps)
        known = found.get(key)
        if known is None:
            found[key] = lookup
        else:
            low, high = np.maximum(known.low, lookup.low), np.minimum(known.high, lookup.high)
            found[key] = replace(known, low=low, high=high)
    return list(found.values())


def inner_graph(model: Any) -> Any:
    """The graph of a model, or of the model that it wraps, or None."""
    while graph_of(model) is None:
        model = getattr(model, "model", None)
        if not isinstance(model, keras.Model):
            return None
    return graph_of(model)


def _lookups(model: Any) -> Iterator[Lookup]:
    graph = inner_graph(model)
    if graph is None:
        return
    for node in calls_in(graph):
        for tensor, lookup in _of_call(node):
            found = _from_input(tensor, lookup, graph)
            if found is not None:
                yield found


def _of_call(node: Any) -> Iterator[tuple[Any, Lookup]]:
    """What one call of a layer looks up, and in which of the tensors that it takes."""
    layer, arguments = node.operation, node.arguments
    if isinstance(layer, keras.layers.TimeDistributed):
        layer = layer.layer
    if isinstance(layer, keras.layers.Embedding):
        # A table that is shared with a model's end is also multiplied by.
        if not arguments.kwargs.get("reverse") and len(arguments.args) < 2:
            yield arguments.keras_tensors[0], Lookup("", (), 0, layer.input_dim)
    elif isinstance(layer, FieldAwareFactorizationMachine):
        yield arguments.keras_tensors[0], Lookup("", (), 0, np.array(layer.vocabulary_sizes))
    elif isinstance(layer, keras.Model):
        yield from _of_model(layer, arguments)


def _of_model(model: keras.Model, arguments: Any) -> Iterator[tuple[Any, Lookup]]:
    graph = inner_graph(model)
    if graph is None or not arguments.args:
        return
    given = arguments.args[0]
    try:
        keras.tree.assert_same_structure(graph.input, given)
    except (ValueError, TypeError):
        return
    taken = dict(zip([t.name for t in graph.inputs], keras.tree.flatten(given), strict=True))
    for lookup in _lookups(model):
        yield taken[lookup.input], lookup


def _from_input(tensor: Any, lookup: Lookup, graph: Any) -> Lookup | None:
    """The lookup in terms of the graph's input that the tensor comes from, if it can be told."""
    names = {id(one): one.name for one in graph.inputs}
    while id(tensor) not in names:
        node = call_behind(tensor)
        if node is None or len(node.arguments.keras_tensors) != 1:
            return None
        before = node.arguments.keras_tensors[0]
        earlier = _before(node, before, tensor, lookup)
        if earlier is None:
            return None
        tensor, lookup = before, earlier
    return replace(lookup, input=names[id(tensor)])


def _before(node: Any, before: Any, after: Any, lookup: Lookup) -> Lookup | None:
    """What a lookup in `after` is in `before`, of which the node made it."""
    kind = type(node.operation)
    op = kind.__name__ if kind.__module__.startswith("keras.src.ops") else None
    if op == "Add":
        return _shifted(lookup, node.arguments, before)
    cast = isinstance(node.operation, Ids) and node.operation.offsets is None
    if not (cast or isinstance(node.operation, _KEEPING_LAYERS) or op in _KEEPING_OPS):
        return None
    return replace(lookup, steps=(_Step(node, before, after), *lookup.steps))


def _shifted(lookup: Lookup, arguments: Any, before: Any) -> Lookup | None:
    """What is looked up before a constant is added to it."""
    constants = [
        a for a in keras.tree.flatten((arguments.args, arguments.kwargs)) if a is not before
    ]
    if len(constants) != 1 or lookup.steps or np.ndim(lookup.high):
        return None
    try:
        added = np.asarray(constants[0])
    except (TypeError, ValueError):
        return None
    if added.dtype.kind not in "iu" or added.ndim > 1:
        return None
    if added.ndim == 1 and before.shape[-1] != len(added):
        return None
    return replace(lookup, low=lookup.low - added, high=lookup.high - added)


@dataclass(frozen=True)
class _Step:
    node: Any
    before: Any
    after: Any

    def __call__(self, value: Tensor) -> Tensor:
        return call_again(self.node, self.before, self.after, value)
