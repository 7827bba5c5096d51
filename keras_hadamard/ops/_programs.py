"""Eager runs of a formula: operation by operation at first, compiled once it recurs.

A compilation takes as long as hundreds of calls. A program that calls ops on new shapes every time
would spend its time on compilations that are never used again.
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_hadamard._core.typing import Tensor
from keras_hadamard.config import eager_compile, eager_compile_after
from keras_hadamard.ops._portable import tracing_portable
from keras_hadamard.ops._xla import compiled, recording

Tensors = tuple[Tensor, ...]


def run_eagerly(function: Callable[..., Any], tensors: Tensors) -> Tensors:
    """The function's output, one tensor or several, without derivatives.

    The function is a key of a cache, so it must not be made again for each call.
    """
    # A compiled function is kept, and has the usual form.
    if not eager_compile() or tracing_portable():
        return _uncompiled(function, tensors)
    return _program(function, tuple([(t.shape, t.dtype) for t in tensors]))(tensors)


def _uncompiled(function: Callable[..., Any], tensors: Tensors) -> Tensors:
    if recording():
        tensors = tuple([tf.stop_gradient(t) for t in tensors])
    found = function(*tensors)
    return found if isinstance(found, tuple) else (found,)


class _Program:
    """A function of tensors of one signature, and how often it was called."""

    def __init__(self, function: Callable[..., Any], signature: tuple[Any, ...]) -> None:
        self.function = function
        self.signature = signature
        self.calls = 0
        self.compiled: Callable[..., Tensors] | None = None

    def __call__(self, tensors: Tensors) -> Tensors:
        if self.compiled is None:
            if self.calls < eager_compile_after():
                self.calls += 1
                return _uncompiled(self.function, tensors)
            self.compiled = compiled(self.function, self.signature)
        return self.compiled(*tensors)


# The record of a signature that is never compiled is small; a program is not.
_program = functools.lru_cache(maxsize=1024)(_Program)
