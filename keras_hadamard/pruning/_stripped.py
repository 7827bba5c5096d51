"""The plain model without masks, after pruning."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from keras_hadamard._core.introspection.copies import copy_of
from keras_hadamard._core.introspection.kernels import Kernel, kernels_of
from keras_hadamard.pruning._criteria import Criterion
from keras_hadamard.pruning._shrink import shrunk


def stripped(model: keras.Model, criterion: Criterion) -> keras.Model:
    """A copy of the model inside a pruned one, with real zeros; smaller if filters are zero."""
    plain = copy_with(model, criterion.kernels, criterion.kernels_left())
    return shrunk(plain) if criterion.structure.kind in ("filter", "channel") else plain


def copy_with(
    model: keras.Model, kernels: Sequence[Kernel], values: Iterable[np.ndarray]
) -> keras.Model:
    """A copy of a model with new values for some of its kernels."""
    copy = copy_of(model)
    others = {
        id(kernel.variable): other.variable
        for kernel, other in zip(kernels_of(model), kernels_of(copy), strict=True)
    }
    for kernel, value in zip(kernels, values, strict=True):
        others[id(kernel.variable)].assign(value)
    return copy
