"""Rows of the recurrent layers against Keras's GRU, and against their own products."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import Run, compare
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard import layers
from keras_hadamard._core.typing import Tensor

SHAPE = (16, 1024, 256)
RECURRENT: dict[str, Callable[[int], keras.layers.Layer]] = {
    "MinGRU": lambda units: layers.MinGRU(units, return_sequences=True),
    "MinLSTM": lambda units: layers.MinLSTM(units, return_sequences=True),
    "HGRN": lambda units: layers.HGRN(units, return_sequences=True),
    "RGLRU": lambda units: layers.RGLRU(return_sequences=True),
    "QRNN": lambda units: layers.QRNN(units, return_sequences=True),
    "SRU": lambda units: layers.SRU(units, return_sequences=True),
}


def _shape(quick: bool) -> tuple[int, int, int]:
    batch, length, width = SHAPE
    return batch, length // 8 if quick else length, width


def _training(layer: keras.layers.Layer, shape: tuple[int, ...], jit: bool) -> Run:
    """A step of training, with Keras's own loop."""
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, layer(inputs))
    model.compile("sgd", "mse", jit_compile=jit)
    rng = np.random.default_rng(0)
    x, y = (tf.constant(rng.standard_normal(shape, "float32")) for _ in range(2))
    return partial(model.train_on_batch, x, y)


@row
def recurrent_layers(repeats: int, quick: bool) -> list[Result]:
    """Layers of linear recurrences against Keras's GRU of equal width."""
    shape = _shape(quick)
    results = []
    for jit in (False, True):
        gru = _training(keras.layers.GRU(shape[-1], return_sequences=True), shape, jit)
        for name, make in RECURRENT.items():
            timing = compare(_training(make(shape[-1]), shape, jit), gru, repeats)
            what = f"{shape} float32, training step, {mode(jit)}, times faster"
            lines = f"{timing.ours:.0f} ms", f"{timing.reference:.0f} ms (keras.layers.GRU)"
            results.append(Result(name, what, *lines, timing.ratio, ">= 5"))
    return results


@row
def recurrent_products(repeats: int, quick: bool) -> list[Result]:
    """Training steps against the matrix products in them, which no way of computing saves."""
    shape = _shape(quick)
    makes = {**RECURRENT, "GRU": lambda units: keras.layers.GRU(units, return_sequences=True)}
    results = []
    for name, make in makes.items():
        step, layer = _training(make(shape[-1]), shape, False), make(shape[-1])
        layer.build(shape)
        # RG-LRU's has an axis of heads, of which it has one.
        kernels = [tf.reshape(w.value, w.shape[-2:]) for w in layer.weights if "kernel" in w.name]
        timing = compare(partial(_products(kernels), _inputs(kernels, shape)), step, repeats)
        what = f"{shape} float32, training step, graph, in times of its products"
        lines = f"{timing.reference:.0f} ms", f"{timing.ours:.0f} ms (products of the kernels)"
        results.append(Result(name, what, *lines, timing.ratio, ">= 0"))
    return results


def _inputs(kernels: list[Tensor], shape: tuple[int, ...]) -> list[Tensor]:
    """Numbers as each kernel meets them, a row for every step of every sequence."""
    rng, count = np.random.default_rng(0), shape[0] * shape[1]
    return [tf.constant(rng.standard_normal((count, k.shape[0]), "float32")) for k in kernels]


def _products(kernels: list[Tensor]) -> Callable[..., Any]:
    """Each kernel's product, and its gradient in the kernel; none in the numbers."""

    def run(rows: list[Tensor]) -> Any:
        made = [tf.matmul(x, k) for x, k in zip(rows, kernels, strict=True)]
        return [tf.matmul(x, y, transpose_a=True) for x, y in zip(rows, made, strict=True)]

    return tf.function(run, autograph=False)
