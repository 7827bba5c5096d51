"""Copies of models."""

import inspect
from types import FunctionType
from typing import Any

import keras

from keras_hadamard._checks import received
from keras_hadamard._introspection.private import all_layers, called_like, registered

_ARGUMENTS = (
    keras.Initializer,
    keras.Regularizer,
    keras.constraints.Constraint,
    keras.Quantizer,
    keras.losses.Loss,
)


def copy_of(model: keras.Model) -> keras.Model:
    """A model of the same class, configuration and weights, not compiled.

    Raises:
        ValueError: If the model is not built, or cannot be made from its configuration.
    """
    if not isinstance(model, keras.Model):
        raise received("`model` to be a keras.Model", model=model)
    if not model.built:
        raise received("`model` to be built: call it on a batch of data first", model=model)
    try:
        # Not a custom object scope, whose names go before Keras's own: a graph's operations may be
        # called as a layer is, such as `Add`.
        with registered(_made_of(model)):
            copy = type(model).from_config(_config_of(model))
            if not copy.built:
                copy.build_from_config(model.get_build_config())
        copy.set_weights(model.get_weights())
        # Keras builds the layers of a subclassed model, but does not say that of the model.
        copy.built = True
        called_like(copy, model)
    except Exception as error:
        raise ValueError(
            "Expected a model that can be made again from its configuration: `get_config` with all "
            "arguments of the constructor, which takes `**kwargs` for those of `keras.Model`, and "
            "layers that `build` creates. What cannot be copied can be handed over: `PrunedModel("
            "model, ...)` and `AdaptedModel(model)` change the model that they are given. "
            f"Received: model={model!r}, which fails with: {error}"
        ) from error
    copy.trainable = model.trainable
    for layer, original in zip(all_layers(copy), all_layers(model), strict=True):
        layer.trainable = original.trainable
    return copy


def _config_of(model: keras.Model) -> dict[str, Any]:
    """The configuration, without what Keras adds and a constructor without `**kwargs` refuses."""
    config: dict[str, Any] = model.get_config()
    parameters = inspect.signature(type(model).__init__).parameters.values()
    of_keras = type(model).from_config.__func__ is keras.Model.from_config.__func__
    if not of_keras or any(p.kind is p.VAR_KEYWORD for p in parameters):
        return config
    refused = {"name", "trainable", "dtype"} - {p.name for p in parameters}
    return {key: value for key, value in config.items() if key not in refused}


def _made_of(model: keras.Model) -> set[Any]:
    """The classes of the layers, and the functions and classes that their arguments name."""
    found: set[Any] = set()
    for layer in all_layers(model):
        found.add(type(layer))
        for value in vars(layer).values():
            if isinstance(value, FunctionType):
                found.add(value)
            elif isinstance(value, _ARGUMENTS):
                found.add(type(value))
    return found
