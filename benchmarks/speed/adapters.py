"""The product with a Hadamard product of low-rank matrices, against forming the matrix."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare, peak_bytes
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import khatri_rao_matmul

ROWS, SIZE = 256, 2048
# By rank: how many times faster.
FASTER = {4: 8.0, 16: 2.5}


def _ours(x: Tensor, b1: Tensor, a1: Tensor, b2: Tensor, a2: Tensor) -> Tensor:
    return khatri_rao_matmul(x, (b1, a1), (b2, a2))


def _formed(x: Tensor, b1: Tensor, a1: Tensor, b2: Tensor, a2: Tensor) -> Tensor:
    return tf.matmul(x, tf.matmul(b1, a1) * tf.matmul(b2, a2))


def _step(product: Callable[..., Any], jit: bool) -> Callable[..., Any]:
    def run(upstream: Tensor, *tensors: Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            y = product(*tensors)
        return y, tape.gradient(y, tensors, upstream)

    return tf.function(run, jit_compile=jit, autograph=False)


@row
def khatri_rao(repeats: int, quick: bool) -> Iterator[Result]:
    rng = np.random.default_rng(0)
    size = SIZE // 8 if quick else SIZE
    for rank, faster in FASTER.items():
        shapes = [(ROWS, size), (ROWS, size), *[(size, rank), (rank, size)] * 2]
        tensors = [tf.constant(rng.standard_normal(shape), "float32") for shape in shapes]
        for jit in (False, True):
            both = [partial(_step(product, jit), *tensors) for product in (_ours, _formed)]
            timing = compare(both[0], both[1], 5 * repeats)
            # What is returned is there in either form.
            returned = 4 * sum(int(np.prod(shape)) for shape in shapes)
            ours, formed = (min(peak_bytes(run) for _ in range(5)) - returned for run in both)
            what = f"{size} x {size}, {ROWS} rows, rank {rank}, {mode(jit)}, forward + gradient"
            times = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
            yield Result(
                "khatri_rao", f"{what}, times faster", *times, timing.ratio, f">= {faster}"
            )
            peaks = f"{max(ours, 0) / 2**20:.2f} MiB", f"{formed / 2**20:.2f} MiB"
            share = max(ours, 0) / formed
            yield Result(
                "khatri_rao",
                f"{what}, peak memory above what is returned",
                *peaks,
                share,
                "<= 0.10",
            )
