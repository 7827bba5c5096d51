"""The plain model that computes what an adapted one does."""

import keras
from keras import ops

from keras_hadamard._checks import received
from keras_hadamard._introspection.copies import copy_of
from keras_hadamard._introspection.kernels import kernels_of
from keras_hadamard.adapters._site import Site, Steps, exact, exact_steps
from keras_hadamard.adapters.adapted_model import ENDINGS, AdaptedModel


def merge(model: AdaptedModel) -> keras.Model:
    """Returns the plain Keras model in which the active adapters are part of the weights.

    It has the class, the layers and the number of weights of the model that was adapted, and its
    outputs are those of the adapted one up to rounding. All its layers are trainable. The adapted
    model stays as it is.

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
    plain = copy_of(model.model)
    plain.trainable = True
    for kernel in kernels_of(plain, ENDINGS):
        site = Site(kernel)
        steps = model.steps(site)
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
