"""The plain model equivalent to an adapted one."""

import keras

from keras_hadamard._core.checks import received
from keras_hadamard.adapters._merged import merged_copy
from keras_hadamard.adapters.adapted_model import AdaptedModel


def merge(model: AdaptedModel) -> keras.Model:
    """Returns the plain Keras model in which the active adapters are part of the weights.

    It has the class, the layers and the number of weights of the model that was adapted, and its
    outputs are those of the adapted one up to rounding. All its layers are trainable. The adapted
    model does not change.

    Args:
        model: `AdaptedModel`.

    Returns:
        A `keras.Model`, which is not compiled.

    Raises:
        ValueError: If the model is not adapted, or a kernel is quantised.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.LoHa(rank=2))
    >>> plain = adapters.merge(adapted)
    >>> type(plain).__name__, plain.count_params()
    ('Sequential', 36)
    """
    if not isinstance(model, AdaptedModel):
        raise received("a model that `apply` returned", model=model)
    return merged_copy(model.model, model.active_adapters)
