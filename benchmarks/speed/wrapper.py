"""Row of what the derivatives of every order and mode cost an op's ordinary gradient."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare
from benchmarks.speed.rows import Result, row
from keras_hadamard import ops
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import _custom_op
from keras_hadamard.ops._derivatives import Formulas, differentiable, spread
from keras_hadamard.ops._programs import run_eagerly

Function = Callable[..., Any]
_TOKENS = (2, 512, 4, 32)
OPS: dict[str, tuple[Function, tuple[tuple[int, ...], ...]]] = {
    "signed_sqrt": (ops.signed_sqrt, ((256, 4096),)),
    "glu": (ops.glu, ((1024, 512),) * 2),
    "gated_scan": (ops.gated_scan, ((16, 1024, 256),) * 2),
    "factorized_bilinear_pool": (
        partial(ops.factorized_bilinear_pool, factor=5),
        ((256, 5000),) * 2,
    ),
    "gated_linear_attention": (ops.gated_linear_attention, (_TOKENS,) * 4),
}
MODES: dict[str, Callable[[Function], Function]] = {
    "eager": lambda f: f,
    "graph": partial(tf.function, autograph=False),
    "XLA": partial(tf.function, autograph=False, jit_compile=True),
}


def plainly(formulas: Formulas, tensors: tuple[Tensor, ...]) -> Tensor:
    """The same formulas in TensorFlow's plain wrapper: a gradient, and nothing beyond it."""

    def run(function: Function, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if tf.executing_eagerly():
            return run_eagerly(function, tensors)
        found = function(*tensors)
        return found if isinstance(found, tuple) else (found,)

    @tf.custom_gradient
    def wrapped(*tensors: Tensor) -> Any:
        (output,) = run(formulas.forward, tuple(tf.stop_gradient(t) for t in tensors))

        def pullback(upstream: Tensor) -> Any:
            grads = run(formulas.gradient, (upstream, output, *tensors))
            return spread(grads, formulas.differentiable)

        return output, pullback

    return wrapped(*tensors)


def _gradient(op: Function, how: Function) -> Function:
    def gradient(*tensors: Tensor) -> Any:
        with (
            mock.patch.object(_custom_op, "differentiable", how),
            tf.GradientTape() as tape,
        ):
            tape.watch(tensors)
            output = op(*tensors)
        return tape.gradient(output, tensors)

    return gradient


@row
def gradient_wrapper(repeats: int, quick: bool) -> Iterator[Result]:
    rng = np.random.default_rng(0)
    for name, (op, shapes) in OPS.items():
        sizes = [(2, *s[1:]) if quick else s for s in shapes]
        tensors = [tf.constant(rng.uniform(0.3, 0.95, s), "float32") for s in sizes]
        for mode, wrap in MODES.items():
            ours, plain = (
                partial(wrap(_gradient(op, how)), *tensors) for how in (differentiable, plainly)
            )
            for run in (ours, plain) * 3:
                run()  # An eager call is compiled when it comes again.
            timing = compare(ours, plain, 5 * repeats)
            what = f"{sizes}, forward + gradient, {mode}, our time over that of tf.custom_gradient"
            lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
            yield Result(name, what, *lines, 1 / timing.ratio, "<= 1.05")
