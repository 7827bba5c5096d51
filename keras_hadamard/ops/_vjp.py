"""The vector-Jacobian product by autodiff, for a formula that is a part of an op's gradient."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._xla import accumulating

Function = Callable[..., Any]
ZERO = tf.UnconnectedGradients.ZERO


def vjp(function: Function, *tensors: Tensor) -> tuple[Any, Function]:
    """The function's output, and a function from its gradients to those of the tensors.

    It works in every context, even while a forward accumulator transposes, when tapes record
    nothing. The function is a key of a cache, so it must not be made again for each call.
    """
    if not tf.executing_eagerly():
        inputs = [tf.identity(t) for t in tensors]
        values = function(*inputs)
        return values, lambda *upstream: tf.gradients(
            values, inputs, list(upstream), unconnected_gradients=ZERO
        )
    if accumulating():
        product = _traced_apart(_product(function, len(tensors)))
        return function(*tensors), lambda *upstream: product(*tensors, *upstream)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        values = function(*tensors)
    return values, lambda *upstream: tape.gradient(
        values, tensors, list(upstream), unconnected_gradients=ZERO
    )


@functools.lru_cache(maxsize=1024)
def _product(function: Function, count: int) -> Function:
    """The vector-Jacobian product as a function of `count` tensors and the gradients."""

    def product(*arguments: Tensor) -> Any:
        _, pullback = vjp(function, *arguments[:count])
        return pullback(*arguments[count:])

    return product


def _traced_apart(function: Function) -> Function:
    """Runs the function as a separate graph, and its derivatives of every order too."""

    @tf.custom_gradient
    def run(*tensors: Tensor) -> Any:
        signature = tuple((t.shape, t.dtype) for t in tensors)
        values = _traced(function, signature)(*(tf.stop_gradient(t) for t in tensors))
        product = _traced_apart(_product(function, len(tensors)))
        return values, lambda *upstream: product(*tensors, *upstream)

    return run


@functools.lru_cache(maxsize=1024)
def _traced(function: Function, signature: tuple[Any, ...]) -> Function:
    traced = tf.function(function, autograph=False)
    concrete: Function = traced.get_concrete_function(*(tf.TensorSpec(*s) for s in signature))
    return concrete
