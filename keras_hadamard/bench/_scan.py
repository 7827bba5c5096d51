"""Rows of `gated_scan`."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hadamard._typing import Tensor
from keras_hadamard.bench._measure import compare, median_time, peak_bytes, slope
from keras_hadamard.bench._rows import Result, row
from keras_hadamard.ops import gated_scan


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


MEMORY = (16, 8192, 256)


def gradient(scan: Callable[..., Tensor], jit: bool) -> Callable[..., Any]:
    def run(a: Tensor, b: Tensor, upstream: Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            h = scan(a, b)
        return tape.gradient(h, [a, b], upstream)

    return tf.function(run, jit_compile=jit, autograph=False)


def data(batch: int, length: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    shape = (batch, length, width)
    uniform, normal = rng.random(shape, "float32"), rng.standard_normal(shape, "float32")
    return tf.constant(uniform), tf.constant(normal), tf.constant(uniform[::-1].copy())


@row
def gated_scan_gradient(repeats: int, quick: bool) -> list[Result]:
    tensors = data(16, 256 if quick else 1024, 256)
    results = []
    for jit, bound in ((True, ">= 10"), (False, ">= 1")):
        ours, loop = gradient(gated_scan, jit), gradient(while_loop, jit)
        timing = compare(partial(ours, *tensors), partial(loop, *tensors), repeats)
        where = "XLA" if jit else "graph"
        what = f"{tuple(tensors[0].shape)} float32, forward + gradient, {where}, times faster"
        lines = f"{timing.ours:.1f} ms", f"{timing.reference:.1f} ms (tf.while_loop, autodiff)"
        results.append(Result("gated_scan", what, *lines, timing.ratio, bound))
    return results


@row
def gated_scan_length(repeats: int, quick: bool) -> list[Result]:
    lengths = [256, 1024, 4096] if quick else [256, 512, 1024, 2048, 4096, 8192, 16384]
    run = gradient(gated_scan, jit=True)
    times = []
    for length in lengths:
        tensors = data(4, length, 256)
        times.append(median_time(partial(run, *tensors), repeats))
    what = f"(4, T, 256), T from {lengths[0]} to {lengths[-1]}, XLA, exponent of T"
    first, last = f"{times[0]:.1f} ms at {lengths[0]}", f"{times[-1]:.1f} ms at {lengths[-1]}"
    return [Result("gated_scan", what, last, first, slope(lengths, times), "<= 1.1")]


@row
def gated_scan_memory(repeats: int, quick: bool) -> list[Result]:
    del repeats, quick  # Smaller tensors would drown in what compiling takes.
    size = 4 * math.prod(MEMORY)
    results = []
    # TensorFlow's own loop keeps a list of small tensors beside their stack; XLA writes in place.
    for jit, bound in ((True, "<= 4"), (False, "<= 10")):
        peak = peak_bytes(partial(gradient(gated_scan, jit), *data(*MEMORY))) / size
        what = f"{MEMORY}, {'XLA' if jit else 'graph'}, peak of forward + gradient, in tensors"
        mib = f"{peak * size / 2**20:.0f} MiB", f"{size / 2**20:.0f} MiB a tensor"
        results.append(Result("gated_scan", what, *mib, peak, bound))
    return results
