"""The same recurrence as others have it: what `gated_scan` is measured against.

Each is a pair of runs of numpy arrays, forward and forward + gradient, that return when the result
is there. JAX and PyTorch are measured where they are installed.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.typing import Tensor

Run = Callable[[], Any]


def while_loop(a: Tensor, b: Tensor) -> Tensor:
    """The same recurrence as TensorFlow's users write it, left to autodiff."""
    length = a.shape[1]
    decays, inputs = (
        tf.TensorArray(x.dtype, size=length).unstack(tf.transpose(x, (1, 0, 2))) for x in (a, b)
    )
    states = tf.TensorArray(a.dtype, size=length, element_shape=a[:, 0].shape)

    def step(t: Tensor, h: Tensor, states: Any) -> tuple[Any, ...]:
        h = decays.read(t) * h + inputs.read(t)
        return t + 1, h, states.write(t, h)

    loop = (tf.constant(0), tf.zeros_like(a[:, 0]), states)
    states = tf.while_loop(lambda t, *_: t < length, step, loop, maximum_iterations=length)[2]
    return tf.transpose(states.stack(), (1, 0, 2))


def keras_scan(a: Tensor, b: Tensor) -> Tensor:
    """`keras.ops.scan`."""

    def step(h: Tensor, x: Any) -> tuple[Tensor, Tensor]:
        h = x[0] * h + x[1]
        return h, h

    steps = tuple(keras.ops.swapaxes(x, 0, 1) for x in (a, b))
    return keras.ops.swapaxes(keras.ops.scan(step, tf.zeros_like(a[:, 0]), steps)[1], 0, 1)


def tensorflow(scan: Callable[..., Tensor], jit: bool) -> Callable[..., tuple[Run, Run]]:
    """Runs of a function of TensorFlow's tensors."""

    def gradient(a: Tensor, b: Tensor, upstream: Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            h = scan(a, b)
        return tape.gradient(h, [a, b], upstream)

    def runs(*arrays: np.ndarray[Any, Any]) -> tuple[Run, Run]:
        a, b, upstream = (tf.constant(x) for x in arrays)
        compiled = {"jit_compile": jit, "autograph": False}
        forward, both = tf.function(scan, **compiled), tf.function(gradient, **compiled)
        return lambda: forward(a, b), lambda: both(a, b, upstream)

    return runs


def gru(*arrays: np.ndarray[Any, Any]) -> tuple[Run, Run]:
    """Keras's GRU of the same width, its gradient that of the weights too."""
    x, _, upstream = (tf.constant(array) for array in arrays)
    layer = keras.layers.GRU(x.shape[-1], return_sequences=True)
    layer.build(x.shape)
    weights = [v.value for v in layer.trainable_variables]

    def gradient(x: Tensor, upstream: Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return tape.gradient(y, [x, *weights], upstream)

    forward = tf.function(lambda x: layer(x), autograph=False)
    both = tf.function(gradient, autograph=False)
    return lambda: forward(x), lambda: both(x, upstream)


def jax(associative: bool) -> Callable[..., tuple[Run, Run]]:
    """`jax.lax.scan` or `jax.lax.associative_scan` under jit, on the CPU."""

    def runs(*arrays: np.ndarray[Any, Any]) -> tuple[Run, Run]:
        import jax

        def scan(a: Any, b: Any) -> Any:
            def step(h: Any, x: Any) -> Any:
                h = x[0] * h + x[1]
                return h, h

            steps = a.swapaxes(0, 1), b.swapaxes(0, 1)
            return jax.lax.scan(step, jax.numpy.zeros_like(a[:, 0]), steps)[1].swapaxes(0, 1)

        def doubling(a: Any, b: Any) -> Any:
            def combine(one: Any, two: Any) -> Any:
                return one[0] * two[0], two[0] * one[1] + two[1]

            return jax.lax.associative_scan(combine, (a, b), axis=1)[1]

        formula = doubling if associative else scan
        a, b, upstream = (jax.device_put(x, jax.devices("cpu")[0]) for x in arrays)
        forward = jax.jit(formula)
        both = jax.jit(lambda a, b, g: jax.vjp(formula, a, b)[1](g))
        return (
            lambda: jax.block_until_ready(forward(a, b)),
            lambda: jax.block_until_ready(both(a, b, upstream)),
        )

    return runs


def torch(log_space: bool) -> Callable[..., tuple[Run, Run]]:
    """PyTorch's loop, or the scan of logarithms, which takes only positive numbers."""

    def runs(*arrays: np.ndarray[Any, Any]) -> tuple[Run, Run]:
        import torch

        a, b, upstream = (torch.from_numpy(x) for x in arrays)

        def loop(a: Any, b: Any) -> Any:
            h, states = torch.zeros_like(a[:, 0]), []
            for decay, x in zip(a.unbind(1), b.unbind(1), strict=True):
                h = decay * h + x
                states.append(h)
            return torch.stack(states, 1)

        def logarithms(a: Any, b: Any) -> Any:
            total = a.log().cumsum(1)
            return (total + (b.log() - total).logcumsumexp(1)).exp()

        formula = logarithms if log_space else loop

        def forward() -> Any:
            with torch.no_grad():
                return formula(a, b)

        def both() -> Any:
            given = [x.clone().requires_grad_() for x in (a, b)]
            return torch.autograd.grad(formula(*given), given, upstream)

        return forward, both

    return runs


def others() -> dict[str, Callable[..., tuple[Run, Run]]]:
    """Whoever is installed, by name."""
    found = {
        "tf.while_loop, graph": tensorflow(while_loop, False),
        "tf.while_loop, XLA": tensorflow(while_loop, True),
        "keras.ops.scan": tensorflow(keras_scan, False),
        "keras.layers.GRU": gru,
    }
    if importlib.util.find_spec("jax"):
        found["jax.lax.scan"] = jax(associative=False)
        found["jax.lax.associative_scan"] = jax(associative=True)
    if importlib.util.find_spec("torch"):
        found["PyTorch loop"] = torch(log_space=False)
        found["PyTorch log space"] = torch(log_space=True)
    return found
