"""Differentiation of an op: gradients of every order, and Jacobian-vector products.

The forward formula runs on stopped inputs, and its output gets a custom gradient, because
TensorFlow cannot differentiate a jitted function that holds a loop: the loop's stack would have to
cross the XLA boundary. How the vector-Jacobian product is itself differentiated depends on where it
runs.

In a graph, it is a part of the graph. It reads the differentiable output, so that the dependence of
the output on the inputs is not lost. Its derivatives are those of its operations.

In eager mode, it is compiled like the forward formula, when it recurs (`_programs.py`). Its
gradient is autodiff over its formula, with the output connected to the inputs again. Where no tape
records, there is nothing to differentiate, and the compiled function is called directly.

Forward mode is the transpose of the vector-Jacobian product. A forward accumulator finds it from
the operations of the product, so where one is active nothing is compiled. No tape can be used
there: while an accumulator transposes, tapes record nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._programs import run_eagerly
from keras_hadamard.ops._xla import accumulating, have_tangents, recorded, recording

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class Formulas:
    """A forward formula and its vector-Jacobian product, of tensors that are all given."""

    forward: Callable[..., Tensor]
    # (upstream, output, *tensors) -> a gradient for each tensor that has one.
    gradient: Callable[..., Tensors]
    differentiable: tuple[bool, ...]


def spread(tensors: Any, given: tuple[bool, ...]) -> list[Tensor | None]:
    """Puts the Nones back between the tensors; only tensors can cross `tf.custom_gradient`."""
    rest = iter(tensors)
    return [next(rest) if is_given else None for is_given in given]


def differentiable(formulas: Formulas, tensors: Tensors) -> Tensor:
    """The output of the forward formula, with all derivatives."""
    if tf.executing_eagerly():
        (output,) = run_eagerly(formulas.forward, tensors)
        return _connected(formulas, output, tensors) if recording() else output
    if have_tangents(tensors):
        # In a graph, an accumulator differentiates the operations inside a custom gradient, which
        # are stopped here. For a call of a function, it uses the gradient.
        call = tf.function(lambda *tensors: differentiable(formulas, tensors), autograph=False)
        return call(*tensors)
    output = formulas.forward(*(tf.stop_gradient(t) for t in tensors))
    return _connected(formulas, output, tensors)


def _connected(formulas: Formulas, output: Tensor, tensors: Tensors) -> Tensor:
    """The output, which was computed before, as a differentiable function of the tensors."""
    if tf.executing_eagerly():
        # The output as it was before: a tape would keep what holds its own output for as long as
        # it lives.
        (connected,) = recorded(
            (output,), tensors, lambda upstream: _pullback(formulas, output, tensors, upstream)
        )
        return connected

    known = output

    @tf.custom_gradient
    def run(*tensors: Tensor) -> Any:
        return output, lambda upstream: _pullback(formulas, known, tensors, upstream)

    known = run(*tensors)
    return known


def _pullback(formulas: Formulas, output: Tensor, tensors: Tensors, upstream: Tensor) -> Any:
    """The vector-Jacobian product, differentiable in `tensors` and `upstream`."""
    if not tf.executing_eagerly():
        # Tensors of the gradient's graph: its derivatives look for its tensors in it.
        upstream, output, *inside = (tf.identity(t) for t in (upstream, output, *tensors))
        return spread(formulas.gradient(upstream, output, *inside), formulas.differentiable)
    product = _plain if accumulating() else _eager_product
    return spread(product(formulas, output, tensors, upstream), formulas.differentiable)


def _plain(formulas: Formulas, output: Tensor, tensors: Tensors, upstream: Tensor) -> Tensors:
    again = _connected(formulas, output, tensors)
    return formulas.gradient(upstream, again, *tensors)


def _eager_product(
    formulas: Formulas, output: Tensor, tensors: Tensors, upstream: Tensor
) -> Tensors:
    grads = run_eagerly(formulas.gradient, (upstream, output, *tensors))
    if not recording():
        return grads
    has_gradient = (True, *formulas.differentiable)

    def second(*cotangents: Tensor) -> Any:
        pairs = zip((upstream, *tensors), has_gradient, strict=True)
        sources = [t for t, has in pairs if has]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            grads = _plain(formulas, output, tensors, upstream)
        zero = tf.UnconnectedGradients.ZERO
        found = tape.gradient(grads, sources, cotangents, unconnected_gradients=zero)
        return spread(found, has_gradient)

    return recorded(grads, (upstream, *tensors), second)
