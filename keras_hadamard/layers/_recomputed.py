"""What is computed again for the gradient, as `keras.RematScope` wants it."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_hadamard._introspection.private import holds_state, remat_mode
from keras_hadamard.ops._xla import inside_graph, inside_xla


class Recomputed(keras.layers.Layer):
    """Base of layers that give the same gradients within a `keras.RematScope` as without it.

    A layer is computed again as a whole, or not at all: its sublayers need not be once more. It is
    not where the numbers would be others: where a call changes something (random numbers, running
    statistics), and in graphs that XLA does not compile, in which TensorFlow's graph optimizer lets
    the optimizer's step overtake what is computed again.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        whole = remat_mode(self) not in (None, "activations")
        with keras.RematScope(mode=None) if whole else contextlib.nullcontext():
            return super().__call__(*args, **kwargs)

    def rematerialized_call(
        self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        # In graphs TensorFlow computes again what is a function of tensors alone.
        leaves = keras.tree.flatten((args, kwargs))
        floats = [ops.is_tensor(x) and keras.backend.is_float_dtype(x.dtype) for x in leaves]
        tensors = [x for x, is_float in zip(leaves, floats, strict=True) if is_float]

        def bound(*again: Any) -> Any:
            rest = iter(again)
            given = [next(rest) if f else x for x, f in zip(leaves, floats, strict=True)]
            args_again, kwargs_again = keras.tree.pack_sequence_as((args, kwargs), given)
            return layer_call(*args_again, **kwargs_again)

        if remat_mode(self) in (None, "activations"):
            return super().rematerialized_call(layer_call, *args, **kwargs)
        recomputed = super().rematerialized_call(bound, *args, **kwargs)
        reason = _why_not(self)
        if recomputed is bound:
            return layer_call
        if reason:
            warnings.warn(f"Layer {self.name!r} is not computed again: {reason}.", stacklevel=2)
            return layer_call
        return lambda *_, **__: recomputed(*tensors)


def _why_not(layer: keras.layers.Layer) -> str:
    if holds_state(layer):
        return "a call may change its variables"
    if inside_graph() and not inside_xla():
        return "the model is not compiled with `jit_compile=True`"
    return ""
