"""Rows of `factorization_machine`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare, median_time, slope
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import factorization_machine


def pairwise(x: Tensor) -> Tensor:
    """The sum over all pairs of fields, as its definition reads."""
    products = tf.matmul(x, x, transpose_b=True)
    fields = x.shape[1]
    upper = tf.constant(np.triu(np.ones((fields, fields), "float32"), 1))
    return tf.reduce_sum(products * upper, axis=(1, 2))[:, None]


def gradient(op: Callable[[Tensor], Tensor], jit: bool) -> Callable[[Tensor], Any]:
    def run(x: Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = op(x)
        return y, tape.gradient(y, x)

    return tf.function(run, jit_compile=jit, autograph=False)


def data(batch: int, fields: int, width: int) -> Tensor:
    return tf.constant(np.random.default_rng(0).standard_normal((batch, fields, width), "float32"))


@row
def factorization_machine_fields(repeats: int, quick: bool) -> list[Result]:
    fields = [16, 64, 256] if quick else [32, 64, 128, 256, 512]
    batch = 64 if quick else 1024
    tensors = [data(batch, n, 16) for n in fields]
    results = []
    for jit in (False, True):
        ours, pairs = gradient(factorization_machine, jit), gradient(pairwise, jit)
        times = [median_time(partial(ours, x), 3 * repeats) for x in tensors]
        where = f"{mode(jit)}, forward + gradient"
        what = f"({batch}, n, 16), n from {fields[0]} to {fields[-1]}, {where}, exponent of n"
        lines = f"{times[-1]:.2f} ms at {fields[-1]}", f"{times[0]:.2f} ms at {fields[0]}"
        figure = slope(fields, times)
        results.append(Result("factorization_machine", what, *lines, figure, "<= 1.1"))
        timing = compare(partial(ours, tensors[-1]), partial(pairs, tensors[-1]), repeats)
        what = f"{tuple(tensors[-1].shape)}, {where}, times faster"
        lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms (all pairs)"
        results.append(Result("factorization_machine", what, *lines, timing.ratio, ">= 1"))
    return results
