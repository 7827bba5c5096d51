"""Rows of `gated_scan`."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare, median_time, peak_bytes, slope
from benchmarks.speed.rows import Result, mode, row
from benchmarks.speed.scans import others, tensorflow, while_loop
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import gated_scan

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
        what = f"{MEMORY}, {mode(jit)}, peak of forward + gradient, in tensors"
        mib = f"{peak * size / 2**20:.0f} MiB", f"{size / 2**20:.0f} MiB a tensor"
        results.append(Result("gated_scan", what, *mib, peak, bound))
    return results


SHAPE = (16, 1024, 256)
# Bounds for those with gradients by autodiff, and for compilers.
FASTER = {"tf": ">= 10", "keras.ops": ">= 10", "PyTorch": ">= 10", "jax": ">= 1.5"}


def _arrays(quick: bool) -> list[Any]:
    """Positive decays and inputs, as a scan of logarithms needs them, and an upstream gradient."""
    rng = np.random.default_rng(0)
    shape = (SHAPE[0], SHAPE[1] // 8 if quick else SHAPE[1], SHAPE[2])
    positive = [rng.uniform(0.01, 0.99, shape).astype("float32") for _ in range(2)]
    return [*positive, rng.standard_normal(shape, "float32")]


@row
def gated_scan_others(repeats: int, quick: bool) -> list[Result]:
    """The scan under XLA against everybody else's; who is not installed is left out."""
    arrays = _arrays(quick)
    ours = tensorflow(gated_scan, True)(*arrays)
    results = []
    for name, make in others().items():
        limit = next((bound for start, bound in FASTER.items() if name.startswith(start)), ">= 1")
        orders = ("forward", "forward + gradient")
        for order, one, other in zip(orders, ours, make(*arrays), strict=True):
            timing = compare(one, other, repeats)
            # Autodiff is what an analytic gradient saves.
            bound = limit if order != "forward" or limit == ">= 1.5" else ">= 1"
            what = f"{arrays[0].shape} float32, {order}, XLA, times faster than {name}"
            lines = f"{timing.ours:.1f} ms", f"{timing.reference:.1f} ms"
            results.append(Result("gated_scan", what, *lines, timing.ratio, bound))
    return results


@row
def gated_scan_bandwidth(repeats: int, quick: bool) -> list[Result]:
    """The scan against a sum, which reads two tensors and writes one too."""
    a, b, _ = (tf.constant(x) for x in _arrays(quick))
    ours, plain = (tf.function(f, jit_compile=True, autograph=False) for f in (gated_scan, tf.add))
    timing = compare(partial(ours, a, b), partial(plain, a, b), 3 * repeats)
    what = f"{tuple(a.shape)} float32, forward, XLA, in times of a + b"
    lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
    return [Result("gated_scan", what, *lines, 1 / timing.ratio, "<= 2.5")]
