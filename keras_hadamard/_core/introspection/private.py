"""The private attributes of Keras that are needed, each behind its own function."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.saving import object_registration

_LAMBDA = "<lambda>"


def all_layers(model: keras.layers.Layer) -> list[keras.layers.Layer]:
    """A model or layer and all layers inside it, at any depth and in any container."""
    return list(model._flatten_layers())


def inner_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The direct sublayers of a layer, with or without a graph."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def graph_of(model: keras.layers.Layer) -> Any:
    """The functional model that a Sequential one makes, or the functional model itself, or None."""
    graph = getattr(model, "_functional", None) or model
    return graph if isinstance(graph, keras.Model) and hasattr(graph, "operations") else None


def calls_in(graph: keras.Model) -> Iterator[Any]:
    """The nodes of a functional model, each one call of a layer."""
    for level in graph._nodes_by_depth.values():
        yield from level


def call_behind(tensor: Any) -> Any:
    """The node, one call of a layer or an op, that a symbolic tensor comes from, or None."""
    operation, index, _ = tensor._keras_history
    nodes = getattr(operation, "_inbound_nodes", ())
    return nodes[index] if index < len(nodes) else None


def call_again(node: Any, before: Any, after: Any, value: Any) -> Any:
    """What a node makes `after` of, with `value` in place of the one tensor `before`."""
    arguments, keywords = node.arguments.fill_in({id(before): value})
    outputs = keras.tree.flatten(node.operation(*arguments, **keywords))
    return outputs[after._keras_history.tensor_index]


def mask_of(tensor: Any) -> Any:
    """The mask of a tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


def with_mask_of(original: Any, tensor: Any) -> Any:
    """A tensor with the mask of another one."""
    return masked_by(tensor, mask_of(original))


def masked_by(tensor: Any, mask: Any) -> Any:
    """A tensor with a mask, if there is one."""
    if mask is not None:
        tensor._keras_mask = mask
    return tensor


def convert_nothing(layer: keras.layers.Layer) -> None:
    """Makes Keras pass the inputs of a layer unchanged."""
    layer._convert_input_args = False


def remat_mode(layer: keras.layers.Layer) -> str | None:
    """The mode of the `keras.RematScope` that the layer was made in, or None."""
    scope = layer._remat_mode
    return None if scope is None else scope.mode


def holds_state(layer: keras.layers.Layer) -> bool:
    """Whether a layer, or one inside it, has variables that are never trained."""
    return any(part._non_trainable_variables or part._seed_generators for part in all_layers(layer))


@contextmanager
def registered(things: Iterable[Any]) -> Iterator[None]:
    """A scope in which unregistered classes and functions are registered under unique names.

    Also lambdas, which Keras otherwise serialises but does not deserialise.
    """
    objects = object_registration.GLOBAL_CUSTOM_OBJECTS
    names = object_registration.GLOBAL_CUSTOM_NAMES
    mine = {
        f"keras_hadamard_copies>{number}": thing
        for number, thing in enumerate(things)
        if thing not in names and thing.__module__.split(".")[0] != "keras"
    }
    lambdas = [thing for thing in mine.values() if thing.__name__ == _LAMBDA]
    objects.update(mine)
    names.update({thing: name for name, thing in mine.items()})
    for thing in lambdas:
        thing.__name__ = "of_a_model"
    try:
        yield
    finally:
        for thing in lambdas:
            thing.__name__ = _LAMBDA
        for name, thing in mine.items():
            del objects[name], names[thing]


def called_like(copy: keras.Model, model: keras.Model) -> None:
    """Marks a copy as called, if the model was: Keras exports only called models."""
    copy._called = model._called
