"""Jacobian-vector products by a forward accumulator, and by central differences."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import forwardprop

Function = Callable[..., Any]
MODES = ("eager", "graph inside", "graph outside", "xla inside", "xla outside")


@pytest.fixture
def shared_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow traces the forward mode of its operations for all sizes, and not for each."""
    monkeypatch.setattr(forwardprop, "_TRACE_COUNT_LIMIT", 0)


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """The tangents of what the function gives; zero where it does not depend on the primals."""
    with tf.autodiff.ForwardAccumulator(list(primals), list(tangents)) as accumulator:
        outputs = tf.nest.flatten(function(*primals))
    return accumulator.jvp(outputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def jvp_in(mode: str, function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """With the accumulator around a `tf.function` or inside of one, or without one."""
    if mode == "eager":
        return jvp(function, primals, tangents)
    kind, place = mode.split()
    options = {"autograph": False, "jit_compile": kind == "xla"}
    if place == "outside":
        return jvp(tf.function(function, **options), primals, tangents)
    return tf.function(lambda p, t: jvp(function, p, t), **options)(list(primals), list(tangents))


def differences(
    function: Function, primals: Sequence[Any], tangents: Sequence[Any], step: float = 1e-5
) -> list[Any]:
    sides = [
        tf.nest.flatten(function(*(p + s * t for p, t in zip(primals, tangents, strict=True))))
        for s in (step, -step)
    ]
    return [(a - b) / (2 * step) for a, b in zip(*sides, strict=True)]


def gradient_of(function: Function, seed: int = 2) -> Function:
    """The gradient of a weighed sum of what the function gives."""

    def gradient(*tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = tf.nest.flatten(function(*tensors))
            rng = np.random.default_rng(seed)
            value = tf.add_n([tf.reduce_sum(o * rng.normal(size=o.shape)) for o in outputs])
        return tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return gradient


def tangents_of(primals: Sequence[Any], seed: int = 1) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.normal(size=p.shape), p.dtype) for p in primals]
