"""The base recovered from a merged model."""

import os
from pathlib import Path

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.copies import copy_of
from keras_hadamard._core.introspection.kernels import kernels_of
from keras_hadamard.adapters._adaptable_kernel import AdaptableKernel
from keras_hadamard.adapters._file import AdapterFile
from keras_hadamard.adapters._merged import ENDINGS, change
from keras_hadamard.adapters.adapted_model import AdaptedModel


def unmerge(model: keras.Model, adapter: AdaptedModel | str | os.PathLike[str]) -> keras.Model:
    """Returns a copy of a merged model without the adapter, its weights exact to rounding.

    So the base need not be kept to change the adapter of a model. Updates are subtracted, and
    scales are divided by exactly, without an epsilon. For `DoRA`, the merged weights give the
    directions, and the adapter the lengths.

    Args:
        model: `keras.Model` returned by `merge`, or the same model in another process.
        adapter: The `AdaptedModel` whose active adapters were merged, or the path of a file that
            `save_adapter` wrote.

    Returns:
        A `keras.Model`, which is not compiled.

    Raises:
        ValueError: If the model has other kernels, or the weights cannot be recovered, for example
            where a scale is zero.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.LoHa(rank=2))
    >>> base = adapters.unmerge(adapters.merge(adapted), adapted)
    >>> bool(keras.ops.all(base.layers[0].kernel == model.layers[0].kernel))
    True
    """
    if isinstance(model, AdaptedModel):
        raise received("a model that `merge` returned", model=model)
    base = copy_of(model)
    adaptable_kernels = [AdaptableKernel(kernel) for kernel in kernels_of(base, ENDINGS)]
    if isinstance(adapter, AdaptedModel):
        if [s.view for s in adaptable_kernels] != [s.view for s in adapter.adaptable_kernels]:
            raise received("a model with the kernels of the adapted one", model=model)
        adapters = [
            adaptable.with_unmerge_state(adapter.active_adapters(adaptable))
            for adaptable in adapter.adaptable_kernels
        ]
    else:
        file = AdapterFile.read(Path(adapter))
        if file is None:
            raise received("a file that `save_adapter` wrote", adapter=str(adapter))
        file.check(adaptable_kernels)
        adapters = [[] for _ in adaptable_kernels]
        for place, weights in file.weights.items():
            tensors = {name: ops.convert_to_tensor(array) for name, array in weights.items()}
            adapters[place] = [(file.adapter, tensors)]
    for adaptable, of_kernel in zip(adaptable_kernels, adapters, strict=True):
        if of_kernel:
            change(adaptable, of_kernel, undo=True)
    return base
