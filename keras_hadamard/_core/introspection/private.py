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


def mask_of(tensor: Any) -> Any:
    """The mask of a tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


def with_mask_of(original: Any, tensor: Any) -> Any:
    """A tensor with the mask of another one."""
    mask = mask_of(original)
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
