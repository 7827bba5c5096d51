"""How an op is differentiated: gradients of every order, and Jacobian-vector products.

The forward formula runs on stopped inputs inside `tf.custom_gradient`, because TensorFlow cannot
differentiate a jitted function that holds a loop: the loop's stack would have to cross the XLA
boundary. How the vector-Jacobian product is itself differentiated depends on where it runs.

In a graph it is a part of the graph. It reads the differentiable output, so that the dependence of
the output on the inputs is not lost. Its derivatives are those of its operations.

Eagerly it is compiled like the forward formula. Its gradient is autodiff over its formula, with the
output connected to the inputs again.

Forward mode is the transpose of the vector-Jacobian product. A forward accumulator finds it from
the operations of the product, so where one is active nothing is compiled. No tape can be used
there: while an accumulator transposes, tapes record nothing.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from keras_hadamard._typing import Tensor
from keras_hadamard.config import eager_compile
from keras_hadamard.ops._edge import traced_for_the_edge
from keras_hadamard.ops._xla import accumulating, have_tangents

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class Formulas:
    """A forward formula and its vector-Jacobian product, of tensors that are all given."""

    forward: Callable[..., Tensor]
    # (upstream, output, *tensors) -> a gradient for each tensor that has one.
    gradient: Callable[..., Tensors]
    differentiable: tuple[bool, ...]


def spread(tensors: Any, given: tuple[bool, ...]) -> list[Tensor | None]:
    """Puts the Nones back between the tensors, which alone can cross `tf.custom_gradient`."""
    rest = iter(tensors)
    return [next(rest) if is_given else None for is_given in given]


def differentiable(formulas: Formulas, tensors: Tensors) -> Tensor:
    """The output of the forward formula, with all derivatives."""
    if not tf.executing_eagerly() and have_tangents(tensors):
        # In a graph an accumulator differentiates what is inside of a custom gradient, which is
        # stopped here. Of a call of a function it takes the gradient.
        call = tf.function(lambda *tensors: differentiable(formulas, tensors), autograph=False)
        return call(*tensors)
    return _connected(formulas, _run(formulas.forward, tensors), tensors)


def _connected(formulas: Formulas, output: Tensor, tensors: Tensors) -> Tensor:
    """The output, which was computed before, as a differentiable function of the tensors."""
    known = output

    @tf.custom_gradient
    def run(*tensors: Tensor) -> Any:
        return output, lambda upstream: _pullback(formulas, known, tensors, upstream)

    connected = run(*tensors)
    if not tf.executing_eagerly():
        # An eager tape would keep what holds its own output for as long as it lives.
        known = connected
    return connected


def _pullback(formulas: Formulas, output: Tensor, tensors: Tensors, upstream: Tensor) -> Any:
    """The vector-Jacobian product, differentiable in `tensors` and `upstream`."""
    if not tf.executing_eagerly():
        # Of the graph of the gradient: derivatives of that one look for its tensors in it.
        upstream, output, *inside = (tf.identity(t) for t in (upstream, output, *tensors))
        return spread(formulas.gradient(upstream, output, *inside), formulas.differentiable)
    product = _plain if accumulating() else _compiled_product
    return spread(product(formulas, output, tensors, upstream), formulas.differentiable)


def _plain(formulas: Formulas, output: Tensor, tensors: Tensors, upstream: Tensor) -> Tensors:
    again = _connected(formulas, output, tensors)
    return formulas.gradient(upstream, again, *tensors)


def _compiled_product(
    formulas: Formulas, output: Tensor, tensors: Tensors, upstream: Tensor
) -> Tensors:
    has_gradient = (True, *formulas.differentiable)

    @tf.custom_gradient
    def run(upstream: Tensor, *tensors: Tensor) -> Any:
        grads = _run(formulas.gradient, (upstream, output, *tensors))

        def second(*cotangents: Tensor) -> Any:
            pairs = zip((upstream, *tensors), has_gradient, strict=True)
            sources = [t for t, has in pairs if has]
            with tf.GradientTape() as tape:
                tape.watch(sources)
                grads = _plain(formulas, output, tensors, upstream)
            zero = tf.UnconnectedGradients.ZERO
            found = tape.gradient(grads, sources, cotangents, unconnected_gradients=zero)
            return spread(found, has_gradient)

        return grads, second

    return tuple(run(upstream, *tensors))


def _run(function: Callable[..., Any], tensors: Tensors) -> Any:
    tensors = tuple(tf.stop_gradient(t) for t in tensors)
    # What is compiled is kept, and is of the usual form.
    if not tf.executing_eagerly() or not eager_compile() or traced_for_the_edge():
        return function(*tensors)
    return _compiled(function, tuple((t.shape, t.dtype) for t in tensors))(*tensors)


@functools.lru_cache(maxsize=1024)
def _compiled(function: Callable[..., Any], signature: tuple[Any, ...]) -> Callable[..., Any]:
    jitted = tf.function(function, jit_compile=True, autograph=False)
    # The concrete function of one signature: a new shape is a compilation anyway, and going
    # through the polymorphic one TensorFlow would warn of retracing.
    concrete: Callable[..., Any] = jitted.get_concrete_function(
        *(tf.TensorSpec(*s) for s in signature)
    )
    return concrete
