"""Rows of `delta_rule`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare, least_times, slope
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import delta_rule

BATCH, HEADS, WIDTH = 4, 4, 64


def step_loop(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, decay: Tensor) -> Tensor:
    """One step after the other, left to autodiff."""
    length = q.shape[1]
    given = [
        tf.TensorArray(x.dtype, size=length).unstack(tf.einsum("bt...->tb...", x))
        for x in (q, k, v, beta[..., None], decay)
    ]
    outputs = tf.TensorArray(v.dtype, size=length, element_shape=v[:, 0].shape)

    def step(t: Tensor, state: Tensor, outputs: Any) -> tuple[Any, ...]:
        query, key, value, share, rate = (x.read(t) for x in given)
        state = rate[..., None] * state
        error = share * (value - tf.einsum("bhk,bhkv->bhv", key, state))
        state += key[..., None] * error[..., None, :]
        return t + 1, state, outputs.write(t, tf.einsum("bhk,bhkv->bhv", query, state))

    state = tf.zeros((q.shape[0], q.shape[2], q.shape[3], v.shape[3]))
    loop = (tf.constant(0), state, outputs)
    outputs = tf.while_loop(lambda t, *_: t < length, step, loop, maximum_iterations=length)[2]
    return tf.einsum("tb...->bt...", outputs.stack())


def data(length: int, channels: bool) -> list[Tensor]:
    """Queries, unit keys, values, shares and decays, one a head or one a key channel."""
    rng = np.random.default_rng(0)
    q, k, v = rng.standard_normal((3, BATCH, length, HEADS, WIDTH), "float32")
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    beta = rng.random((BATCH, length, HEADS), "float32")
    decay = 1 - 0.1 * rng.random((BATCH, length, HEADS, WIDTH if channels else 1), "float32")
    return [tf.constant(x) for x in (q, k, v, beta, decay)]


def gradient(op: Callable[..., Tensor], jit: bool, *tensors: Tensor) -> Callable[[], Any]:
    def run(*tensors: Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = tf.reduce_sum(op(*tensors))
        return tape.gradient(loss, tensors)

    compiled = tf.function(run, jit_compile=jit, autograph=False).get_concrete_function(*tensors)
    return partial(compiled, *tensors)


@row
def delta_rule_gradient(repeats: int, quick: bool) -> list[Result]:
    results = []
    for channels in (False, True):
        tensors = data(256 if quick else 1024, channels)
        for jit in (False, True):
            ours, loop = (gradient(op, jit, *tensors) for op in (delta_rule, step_loop))
            timing = compare(ours, loop, repeats)
            decays = "a decay a channel" if channels else "a decay a head"
            what = f"{tuple(tensors[0].shape)} float32, {decays}, forward + gradient, {mode(jit)}"
            lines = f"{timing.ours:.1f} ms", f"{timing.reference:.1f} ms (loop, autodiff)"
            what = f"{what}, times faster"
            results.append(Result("delta_rule", what, *lines, timing.ratio, ">= 10"))
    return results


@row
def delta_rule_length(repeats: int, quick: bool) -> list[Result]:
    lengths = [256, 1024] if quick else [1024, 2048, 4096, 8192, 16384]
    results = []
    for jit in (False, True):
        runs = [gradient(delta_rule, jit, *data(length, False)) for length in lengths]
        times = least_times(runs, repeats)
        what = f"({BATCH}, T, {HEADS}, {WIDTH}), T from {lengths[0]} to {lengths[-1]}"
        what = f"{what}, forward + gradient, {mode(jit)}, exponent of T"
        first, last = (f"{times[i]:.1f} ms at {lengths[i]}" for i in (0, -1))
        figure = slope(lengths, times)
        results.append(Result("delta_rule", what, last, first, figure, "<= 1.1"))
    return results
