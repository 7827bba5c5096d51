"""Adapters merged into the weights that they adapt."""

from collections.abc import Callable

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.copies import copy_of
from keras_hadamard._core.introspection.kernels import kernels_of
from keras_hadamard.adapters._adaptable_kernel import (
    ActiveAdapters,
    AdaptableKernel,
    exact,
    exact_adapters,
)

# The variables that can have an adapter.
ENDINGS = ("kernel", "embeddings")


def merged_copy(
    base: keras.Model, active_adapters: Callable[[AdaptableKernel], ActiveAdapters]
) -> keras.Model:
    """A copy of the base with the adapters of each of its kernels in the weights."""
    plain = copy_of(base)
    plain.trainable = True
    for kernel in kernels_of(plain, ENDINGS):
        adaptable = AdaptableKernel(kernel)
        adapters = active_adapters(adaptable)
        if adapters:
            change(adaptable, adapters, undo=False)
    return plain


def change(adaptable: AdaptableKernel, adapters: ActiveAdapters, undo: bool) -> None:
    """Merges adapters into the variables of a kernel's layer, or removes them, in float64."""
    if not keras.backend.is_float_dtype(adaptable.kernel.variable.dtype):
        raise received(
            f"a kernel of floats at {adaptable.kernel.path!r}",
            dtype=adaptable.kernel.variable.dtype,
        )
    variables = (adaptable.kernel.variable, adaptable.bias)
    kernel, bias = (None if v is None else exact(v) for v in variables)
    new = (adaptable.unmerge if undo else adaptable.merge)(exact_adapters(adapters), kernel, bias)
    for variable, value in zip(variables, new, strict=True):
        if variable is not None:
            variable.assign(ops.cast(value, variable.dtype))
