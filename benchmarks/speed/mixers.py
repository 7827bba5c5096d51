"""Rows of the mixers of long sequences: what they cost over the length."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import least_times, peak_bytes, slope
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard import layers

BATCH, WIDTH, HEADS = 4, 64, 4
LINEAR = "<= 1.1"
# A mixer of a name, and the exponents of the length that bound its time and its memory.
MIXERS: dict[str, tuple[Callable[[], keras.layers.Layer], str]] = {
    "GatedLinearAttention": (lambda: layers.GatedLinearAttention(HEADS), LINEAR),
    "SimpleGatedLinearAttention": (lambda: layers.SimpleGatedLinearAttention(HEADS), LINEAR),
    "Retention": (lambda: layers.Retention(HEADS), LINEAR),
    "LinearAttention": (lambda: layers.LinearAttention(HEADS), LINEAR),
    "LinearAttention, not causal": (lambda: layers.LinearAttention(HEADS, causal=False), LINEAR),
    "HydraAttention": (layers.HydraAttention, LINEAR),
    "HydraAttention, causal": (lambda: layers.HydraAttention(causal=True), LINEAR),
    "PolyNonLocal": (layers.PolyNonLocal, LINEAR),
    "FocalModulation1D": (layers.FocalModulation1D, LINEAR),
    "AFT, simple": (lambda: layers.AFT(position_bias="simple"), LINEAR),
    "AFT, simple, causal": (lambda: layers.AFT(position_bias="simple", causal=True), LINEAR),
    # A Fourier transform has a logarithm.
    "HyenaOperator": (lambda: layers.HyenaOperator(16384), "<= 1.25"),
    "H3": (layers.H3, "<= 1.25"),
    "MonarchMixer": (lambda: layers.MonarchMixer(16384), "<= 1.25"),
}


def gradient(layer: keras.layers.Layer, length: int, jit: bool) -> Callable[[], Any]:
    """Forward and gradient of a layer over sequences."""
    x = np.random.default_rng(0).standard_normal((BATCH, length, WIDTH), "float32")
    layer.build(x.shape)
    variables = [v.value for v in layer.trainable_variables]

    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, [x, *variables])

    x = tf.constant(x)
    # Of one signature: TensorFlow would warn of the many functions.
    compiled = tf.function(run, jit_compile=jit, autograph=False).get_concrete_function(x)
    return partial(compiled, x)


@row
def mixers_length(repeats: int, quick: bool) -> Iterator[Result]:
    """Time and peak memory from 1,024 to 16,384 tokens, as exponents of the length."""
    lengths = [256, 1024] if quick else [1024, 2048, 4096, 8192, 16384]
    for name, (make, bound) in MIXERS.items():
        for jit in (True, False):
            runs = [gradient(make(), length, jit) for length in lengths]
            times = least_times(runs, repeats)
            # In a graph the peak depends on which of several ready kernels runs first.
            peaks = [min(peak_bytes(run) for _ in range(3)) for run in runs]
            where = f"({BATCH}, T, {WIDTH}), T from {lengths[0]} to {lengths[-1]}"
            where = f"{where}, forward + gradient, {mode(jit)}, exponent of T"
            first, last = (f"{times[i]:.1f} ms at {lengths[i]}" for i in (0, -1))
            yield Result(name, f"{where}, time", last, first, slope(lengths, times), bound)
            first, last = (f"{peaks[i] / 2**20:.1f} MiB at {lengths[i]}" for i in (0, -1))
            figure = slope(lengths, [float(peak) for peak in peaks])
            yield Result(name, f"{where}, peak memory", last, first, figure, bound)
