"""Copies of models."""

import inspect
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.private import all_layers, called_like, registered

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
        # Not a custom object scope, whose names precede Keras's own: operations of a graph may have
        # the name of a layer, such as `Add`.
        with registered(_made_of(model)):
            copy = type(model).from_config(_config_of(model))
            if not copy.built:
                copy.build_from_config(model.get_build_config())
        _quantise_like(copy, model)
        for variable, original in _pairs(copy, model):
            # TensorFlow shares assigned values until one of the two changes.
            variable.assign(ops.convert_to_tensor(original))
        # Keras builds the layers of a subclassed model, but does not mark the model as built.
        copy.built = True
        called_like(copy, model)
    except Exception as error:
        raise ValueError(
            "Expected a model that can be recreated from its configuration: `get_config` with all "
            "arguments of the constructor, which takes `**kwargs` for those of `keras.Model`, and "
            "layers that `build` creates. For a model that cannot be copied, `PrunedModel("
            "model, ...)` and `AdaptedModel(model)` change the given model itself. "
            f"Received: model={model!r}, which fails with: {error}"
        ) from error
    copy.trainable = model.trainable
    for layer, original in zip(all_layers(copy), all_layers(model), strict=True):
        layer.trainable = original.trainable
    return copy


def _pairs(copy: keras.Model, model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """The weights of copy and model, by name: quantising one of them later changes their order."""
    for layer, original in zip(all_layers(copy), all_layers(model), strict=True):
        mine, theirs = _own_weights(layer), _own_weights(original)
        if sorted(mine) != sorted(theirs):
            raise received(
                f"{original.name!r} to make the weights {sorted(theirs)} when it is built",
                weights=sorted(mine),
            )
        for key, variable in mine.items():
            yield variable, theirs[key]


def _own_weights(layer: keras.layers.Layer) -> dict[tuple[str, int], Any]:
    """The weights that belong to no sublayer, by name and number among equal names."""
    inside = {id(v) for inner in all_layers(layer)[1:] for v in inner.weights}
    found: dict[tuple[str, int], Any] = {}
    for variable in layer.weights:
        if id(variable) not in inside:
            number = sum(name == variable.name for name, _ in found)
            found[variable.name, number] = variable
    return found


def _quantise_like(copy: keras.Model, model: keras.Model) -> None:
    """Quantises sublayers whose outer layer does not record it, such as attention."""
    for layer, original in zip(all_layers(copy), all_layers(model), strict=True):
        mode = getattr(original, "quantization_mode", None)
        if mode is not None and layer.quantization_mode is None:
            layer.quantize(mode, config=getattr(original, "quantization_config", None))


def _config_of(model: keras.Model) -> dict[str, Any]:
    """The configuration, without Keras's entries that a constructor without `**kwargs` refuses."""
    config: dict[str, Any] = model.get_config()
    parameters = inspect.signature(type(model).__init__).parameters.values()
    of_keras = type(model).from_config.__func__ is keras.Model.from_config.__func__
    if not of_keras or any(p.kind is p.VAR_KEYWORD for p in parameters):
        return config
    refused = {"name", "trainable", "dtype"} - {p.name for p in parameters}
    return {key: value for key, value in config.items() if key not in refused}


def _made_of(model: keras.Model) -> set[Any]:
    """The classes of the layers, and the functions and classes named by their arguments."""
    found: set[Any] = set()
    for layer in all_layers(model):
        found.add(type(layer))
        for value in vars(layer).values():
            if isinstance(value, FunctionType):
                found.add(value)
            elif isinstance(value, _ARGUMENTS):
                found.add(type(value))
    return found
