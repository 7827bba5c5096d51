"""Rows of the ops that no layer's row measures, against their formulas in TensorFlow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare, least_peaks
from benchmarks.speed.rows import Result, mode, passes, row
from keras_hadamard import ops
from keras_hadamard._core.typing import Tensor

SIZE = 4096


def _anova(x: Tensor) -> Tensor:
    """Order three by the recurrence over the fields, as it is written."""
    sums: list[Any] = [1.0, 0.0, 0.0, 0.0]
    for field in tf.unstack(x, axis=1):
        for order in (3, 2, 1):
            sums[order] = sums[order] + field * sums[order - 1]
    return tf.reduce_sum(sums[3], -1, keepdims=True)


def _sketch(x: Tensor, indices: Tensor, signs: Tensor) -> Tensor:
    return tf.matmul(x, tf.one_hot(indices, SIZE, dtype=x.dtype) * signs[:, None])


def _convolution(x: Tensor, y: Tensor) -> Tensor:
    return tf.signal.irfft(tf.signal.rfft(x) * tf.signal.rfft(y), [x.shape[-1]])


def _long_convolution(x: Tensor, kernel: Tensor) -> Tensor:
    length = x.shape[1]
    spectra = [tf.signal.rfft(tf.linalg.matrix_transpose(t), [2 * length]) for t in (x, kernel)]
    y = tf.signal.irfft(spectra[0] * spectra[1], [2 * length])[..., :length]
    return tf.linalg.matrix_transpose(y)


def _shift(x: Tensor) -> Tensor:
    down, up, right, left = tf.split(x, 4, axis=-1)
    return tf.concat(
        [
            tf.concat([down[:, :1], down[:, :-1]], 1),
            tf.concat([up[:, 1:], up[:, -1:]], 1),
            tf.concat([right[:, :, :1], right[:, :, :-1]], 2),
            tf.concat([left[:, :, 1:], left[:, :, -1:]], 2),
        ],
        -1,
    )


def _hashes(width: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(1)
    return (
        tf.constant(rng.integers(0, SIZE, width), "int32"),
        tf.constant(rng.choice([-1.0, 1.0], width), "float32"),
    )


@dataclass(frozen=True)
class Formula:
    """An op, its formula, and the shapes of what is differentiated."""

    ours: Callable[..., Any]
    plain: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    hashed: bool = False


_ANOVA = partial(ops.anova_kernel, order=3)
OPS = {
    "anova_kernel, few fields": Formula(_ANOVA, _anova, ((512, 26, 16),)),
    "anova_kernel": Formula(_ANOVA, _anova, ((512, 256, 16),)),
    "count_sketch": Formula(
        partial(ops.count_sketch, size=SIZE), _sketch, ((256, 512),), hashed=True
    ),
    "compact_bilinear": Formula(ops.compact_bilinear, _convolution, ((256, SIZE),) * 2),
    "causal_long_conv": Formula(
        ops.causal_long_conv, _long_convolution, ((16, 1024, 64), (1024, 64))
    ),
    "spatial_shift": Formula(ops.spatial_shift, _shift, ((16, 56, 56, 64),)),
}


def _step(op: Callable[..., Any], gradient: bool, jit: bool, *more: Tensor) -> Callable[..., Any]:
    def run(*tensors: Tensor) -> Any:
        if not gradient:
            return op(*tensors, *more)
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = tf.reduce_sum(op(*tensors, *more) ** 2)
        return tape.gradient(loss, tensors)

    return tf.function(run, jit_compile=jit, autograph=False)


@row
def ops_against_tensorflow(repeats: int, quick: bool) -> Iterator[Result]:
    rng = np.random.default_rng(0)
    for name, op in OPS.items():
        sizes = [(max(2, s[0] // 16), *s[1:]) if quick else s for s in op.shapes]
        tensors = [tf.constant(rng.standard_normal(size), "float32") for size in sizes]
        more = _hashes(op.shapes[0][-1]) if op.hashed else ()
        for gradient in (False, True):
            for jit in (False, True):
                both = [
                    partial(_step(f, gradient, jit, *more), *tensors) for f in (op.ours, op.plain)
                ]
                timing = compare(both[0], both[1], 5 * repeats)
                peaks = least_peaks(both, 5)
                what = (
                    f"{sizes}, {passes(gradient)}, {mode(jit)}, our time over that of the "
                    f"formula in plain TensorFlow (memory {peaks[0] / peaks[1]:.2f})"
                )
                lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
                yield Result(name, what, *lines, 1 / timing.ratio, "<= 1.05")
