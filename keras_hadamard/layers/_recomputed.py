"""Recomputation for the gradient in a `keras.RematScope`."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.introspection.private import holds_state, remat_mode
from keras_hadamard.ops._xla import inside_graph, inside_xla


def recomputed_as_a_whole(layer: keras.layers.Layer) -> contextlib.AbstractContextManager[Any]:
    """A scope in which the sublayers of a recomputed layer are not recomputed separately."""
    whole = remat_mode(layer) not in (None, "activations")
    return keras.RematScope(mode=None) if whole else contextlib.nullcontext()


def recomputed(
    layer: keras.layers.Layer,
    keras_form: Callable[..., Any],
    layer_call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Callable[..., Any]:
    """`rematerialized_call` of a layer, whose gradients are those without a `keras.RematScope`.

    Nothing is recomputed where the results would differ: where a call changes state (random
    numbers, running statistics), and in graphs that XLA does not compile, as TensorFlow's graph
    optimizer may move the optimizer's step before the recomputation. `keras_form` is the method of
    `keras.layers.Layer`.
    """
    # In graphs, TensorFlow recomputes only functions of tensors.
    leaves = keras.tree.flatten((args, kwargs))
    floats = [ops.is_tensor(x) and keras.backend.is_float_dtype(x.dtype) for x in leaves]
    tensors = [x for x, is_float in zip(leaves, floats, strict=True) if is_float]

    def bound(*again: Any) -> Any:
        rest = iter(again)
        given = [next(rest) if f else x for x, f in zip(leaves, floats, strict=True)]
        args_again, kwargs_again = keras.tree.pack_sequence_as((args, kwargs), given)
        return layer_call(*args_again, **kwargs_again)

    if remat_mode(layer) in (None, "activations"):
        return keras_form(layer_call, *args, **kwargs)
    again = keras_form(bound, *args, **kwargs)
    reason = _why_not(layer)
    if again is bound:
        return layer_call
    if reason:
        warnings.warn(f"Layer {layer.name!r} is not recomputed: {reason}.", stacklevel=2)
        return layer_call
    return lambda *_, **__: again(*tensors)


def _why_not(layer: keras.layers.Layer) -> str:
    if holds_state(layer):
        return "a call may change its variables"
    if inside_graph() and not inside_xla():
        return "the model is not compiled with `jit_compile=True`"
    return ""
