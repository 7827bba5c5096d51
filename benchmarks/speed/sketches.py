"""Rows of compact bilinear fusion at the published size, against the outer product it sketches."""

import functools
import math
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from benchmarks.speed.measure import compare, median_time, peak_bytes, slope
from benchmarks.speed.rows import Result, row
from keras_hadamard import layers
from keras_hadamard.ops.count_sketch import count_sketch

WIDTH, SKETCH = 2048, 16_000


def _fusion(width: int, sketch_dim: int, batch: int) -> tuple[Any, list[Any]]:
    """A function of only the sketch: one output, and no root, take next to no time."""
    layer = layers.MCB(1, sketch_dim, normalize=False, seed=0)
    inputs = [tf.random.stateless_normal((batch, width), (0, i)) for i in range(2)]
    layer(inputs)
    return layer, inputs


@tf.function(autograph=False)
def _outer(x: Any, y: Any) -> Any:
    return x[:, :, None] * y[:, None, :]


def _by_outer_product(layer: Any) -> Any:
    """The layer's function by its definition: the outer product, sketched and projected."""
    (h, s), (g, t) = ((z.indices, z.signs) for z in layer.sketches)
    places = tf.reshape((h[:, None] + g[None, :]) % layer.sketch_dim, [-1])
    signs = tf.reshape(s[:, None] * t[None, :], [-1])

    def run(x: Any, y: Any) -> Any:
        products = tf.reshape(_outer(x, y), [tf.shape(x)[0], -1])
        sketch = count_sketch(products, places, signs, size=layer.sketch_dim)
        return layer.output_projection(sketch)

    return tf.function(run, autograph=False)


def _compiled(layer: Any) -> Any:
    return tf.function(lambda *x: layer(list(x)), autograph=False)


def _gradient(layer: Any) -> Any:
    def run(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(list(inputs)) ** 2)
        return tape.gradient(loss, inputs)

    return tf.function(run, autograph=False)


@row
def mcb_at_the_published_size(repeats: int, quick: bool) -> Iterator[Result]:
    """Time against the outer product, and the memory of the gradient."""
    batch = 4 if quick else 32
    layer, inputs = _fusion(WIDTH, SKETCH, batch)
    what = f"({batch}, {WIDTH}) twice, sketch_dim {SKETCH:,}, graph"
    for other, told, bound in (
        (_by_outer_product(layer), "the same by the outer product", ">= 10"),
        (_outer, "only the outer product", ">= 5"),
    ):
        ours, reference = (functools.partial(f, *inputs) for f in (_compiled(layer), other))
        timing = compare(ours, reference, 5 * repeats)
        lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
        yield Result("MCB", f"{what}, forward: {told} over our time", *lines, timing.ratio, bound)
    held = 4 * batch * 2 * (WIDTH + SKETCH)
    peak = min(peak_bytes(functools.partial(_gradient(layer), *inputs)) for _ in range(5))
    lines = f"{peak / 2**20:.1f} MiB", f"{held / 2**20:.1f} MiB of inputs and sketches"
    what = f"{what}, forward + gradient: peak memory over inputs and sketches"
    yield Result("MCB", what, *lines, peak / held, "<= 8")


@row
def mcb_time(repeats: int, quick: bool) -> Iterator[Result]:
    """The exponent by which time follows the widths and the transforms' `size log size`."""
    batch = 8 if quick else 64
    sizes = [(width, sketch) for width in (1024, 4096) for sketch in (4000, 16_000, 64_000)]
    costs, times = [], []
    for width, sketch_dim in sizes:
        layer, inputs = _fusion(width, sketch_dim, batch)
        costs.append(round(2 * width + sketch_dim * math.log2(sketch_dim)))
        times.append(median_time(functools.partial(_compiled(layer), *inputs), 5 * repeats))
    what = (
        f"batch {batch}, widths 1,024 and 4,096, sketches 4,000 to 64,000, forward, graph: exponent"
    )
    lines = f"{times[0]:.2f} to {times[-1]:.2f} ms", "widths + size log size"
    yield Result("MCB", what, *lines, slope(costs, times), "<= 1.1")
