"""The plain model that is left when the masks have done their work."""

import keras

from keras_hadamard._core.checks import received
from keras_hadamard.pruning._stripped import stripped
from keras_hadamard.pruning.pruned_model import PrunedModel


def strip(model: PrunedModel) -> keras.Model:
    """Returns the plain Keras model of a pruned one: zeros in the kernels, and no masks.

    Layers of a functional or sequential model that was pruned by filters or channels become
    smaller: a filter is removed if its channel is zero, or is ignored by every kernel that it
        reaches, on
    paths through batch normalisation, activations, dropout, pooling, padding, `Flatten`
    and depthwise convolution. Where a channel reaches an output of the model, a sum, a
    concatenation or any other layer, the filter stays, as zeros. The outputs are the same up to
    rounding.

    Args:
        model: `PrunedModel`.

    Returns:
        An uncompiled `keras.Model` of the class that was pruned, with the same names of layers. A
        functional model whose class has a custom constructor becomes a plain one if it gets
        smaller.

    Raises:
        ValueError: If the model is not pruned.

    Example:

    >>> from keras_hadamard import pruning
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> plain = pruning.strip(pruning.prune(model, 0.5))
    >>> int(keras.ops.sum(plain.layers[0].kernel == 0))
    16
    """
    if not isinstance(model, PrunedModel):
        raise received("a model that `prune` returned", model=model)
    return stripped(model.model, model._criterion)
