"""The copy of a model that is adapted."""

from typing import Any

import keras

from keras_hadamard._core.introspection.copies import copy_of
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters.adapted_model import AdaptedModel


def apply(
    model: keras.Model,
    adapter: Adapter,
    target: Any = None,
    *,
    exclude: str | None = None,
    name: str = "default",
) -> AdaptedModel:
    """Returns a copy of a model with an adapter on its kernels, and everything else frozen.

    At the start it computes the same as the model, to the last bit except where the graph compiler
    fuses operations in one of the two and not in the other. Kernels are the weights of at least two
    axes whose name ends with `kernel` or `embeddings`: those of dense, einsum, convolution,
    depthwise, embedding and recurrent layers, of the parts of attention layers, and of the layers
    of this package. The given model does not change.

    An `AdaptedModel` is not copied: it gets another adapter, which becomes the active one.

    The masks of a `PrunedModel` hold: the sum of kernel and adapter is zero where the kernel is,
    also after merging. To let adapters fill the zeros, adapt what `pruning.strip` returns.

    Args:
        model: `keras.Model` of any kind that is built and can be made from its configuration; or an
            `AdaptedModel`.
        adapter: `LoRA`, `LoHa`, `LoKr`, `HiRA`, `ABBA`, `IA3`, `DoRA` or `VeRA`.
        target: String, regular expression that is searched for in the paths of kernels, such as
            `"encoder/attention/query/kernel"`: the names of layers from the outside in, and the
            variable's. Or a list of integers, the positions of kernels among all. None for all.
            Defaults to `None`.
        exclude: String, regular expression for the paths of those that are left out.
            Defaults to `None`.
        name: String of letters, digits and underscores, the name of the adapter. Defaults to
            `"default"`.

    Returns:
        An `AdaptedModel`. A new one is not compiled.

    Raises:
        ValueError: If the model is not built or cannot be copied, no kernel matches, or the adapter
            does not support one.

    Example:

    >>> from keras_hadamard import adapters
    >>> inputs = keras.Input((6, 8))
    >>> x = keras.layers.MultiHeadAttention(2, 4, name="attention")(inputs, inputs)
    >>> model = keras.Model(inputs, keras.layers.Dense(3, name="dense")(x))
    >>> adapted = adapters.apply(
    ...     model, adapters.LoHa(rank=4, alpha=8), target=r".*attention.*|.*dense.*"
    ... )
    >>> adapted.compile("adam", "mse")
    >>> x = keras.random.normal((32, 6, 8))
    >>> _ = adapted.fit(x, x[..., :3], verbose=0)
    >>> type(adapters.merge(adapted)).__name__
    'Functional'
    """
    adapted = model if isinstance(model, AdaptedModel) else AdaptedModel(copy_of(model))
    adapted.add(name, adapter, target, exclude)
    adapted.activate(name)
    return adapted
