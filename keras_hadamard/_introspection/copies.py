"""Copies of models."""

import keras

from keras_hadamard._checks import received
from keras_hadamard._introspection.private import all_layers


def copy_of(model: keras.Model) -> keras.Model:
    """A model of the same class, configuration and weights, not compiled.

    Raises:
        ValueError: If the model is not built, or cannot be made from its configuration.
    """
    if not isinstance(model, keras.Model):
        raise received("`model` to be a keras.Model", model=model)
    if not model.built:
        raise received("`model` to be built: call it on a batch of data first", model=model)
    classes = {type(layer).__name__: type(layer) for layer in all_layers(model)}
    try:
        with keras.saving.custom_object_scope(classes):
            copy = type(model).from_config(model.get_config())
            if not copy.built:
                copy.build_from_config(model.get_build_config())
        copy.set_weights(model.get_weights())
        # Keras builds the layers of a subclassed model, but does not say that of the model.
        copy.built = True
    except Exception as error:
        raise ValueError(
            "Expected a model that can be made again from its configuration: `get_config` with all "
            "arguments of the constructor, layers that `build` creates. "
            f"Received: model={model!r}, which fails with: {error}"
        ) from error
    copy.trainable = model.trainable
    for layer, original in zip(all_layers(copy), all_layers(model), strict=True):
        layer.trainable = original.trainable
    return copy
