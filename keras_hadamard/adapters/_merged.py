"""Adapters as a part of the weights that they adapt."""

from collections.abc import Callable

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.copies import copy_of
from keras_hadamard._core.introspection.kernels import kernels_of
from keras_hadamard.adapters._site import Site, Steps, exact, exact_steps

# The variables that can have an adapter.
ENDINGS = ("kernel", "embeddings")


def merged(base: keras.Model, steps_of: Callable[[Site], Steps]) -> keras.Model:
    """A copy of the base with the adapters of each of its kernels in the weights."""
    plain = copy_of(base)
    plain.trainable = True
    for kernel in kernels_of(plain, ENDINGS):
        site = Site(kernel)
        steps = steps_of(site)
        if steps:
            change(site, steps, undo=False)
    return plain


def change(site: Site, steps: Steps, undo: bool) -> None:
    """Merges adapters into the variables of a kernel's layer, or takes them out, in float64."""
    if not keras.backend.is_float_dtype(site.kernel.variable.dtype):
        raise received(
            f"a kernel of floats at {site.kernel.path!r}", dtype=site.kernel.variable.dtype
        )
    variables = (site.kernel.variable, site.bias)
    kernel, bias = (None if v is None else exact(v) for v in variables)
    new = (site.separated if undo else site.merged)(exact_steps(steps), kernel, bias)
    for variable, value in zip(variables, new, strict=True):
        if variable is not None:
            variable.assign(ops.cast(value, variable.dtype))
