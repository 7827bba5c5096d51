"""Rows of the layers: each against the same equation in plain Keras, in time and memory."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare, kept_bytes, least_peaks
from benchmarks.speed.pairs import all_pairs
from benchmarks.speed.pairs._pair import Pair
from benchmarks.speed.pairs.modulation import gated_mlp
from benchmarks.speed.rows import ROWS, Result, mode, passes, row
from keras_hadamard import layers


def _step(model: keras.Model, gradient: bool, jit: bool) -> Callable[..., Any]:
    variables = [v.value for v in model.trainable_variables]

    def run(*inputs: Any) -> Any:
        x = list(inputs) if len(inputs) > 1 else inputs[0]
        if not gradient:
            return model(x)
        with tf.GradientTape() as tape:
            tape.watch([i for i in inputs if i.dtype.is_floating])
            outputs = tf.nest.flatten(model(x))
            loss = tf.add_n([tf.reduce_sum(y**2) for y in outputs])
        inputs = tuple(i for i in inputs if i.dtype.is_floating)
        return tape.gradient(loss, [*variables, *inputs])

    return tf.function(run, jit_compile=jit, autograph=False)


def _runs(pair: Pair, gradient: bool, jit: bool, quick: bool) -> tuple[list[Any], Any]:
    """Our run and that of plain Keras, and their tensors."""
    batch = pair.batch or (256 if len(pair.shapes[0]) == 1 else 16)
    batch = max(2, batch // 16) if quick else batch
    rng = np.random.default_rng(0)
    arrays = [tf.constant(rng.standard_normal((batch, *s), "float32")) for s in pair.shapes]
    runs = []
    for make in (lambda x: pair.ours()(x), pair.plain):
        inputs = [keras.Input(s) for s in pair.shapes]
        model = keras.Model(inputs, make(inputs if len(inputs) > 1 else inputs[0]))
        runs.append(functools.partial(_step(model, gradient, jit), *arrays))
    return runs, arrays


def _against_keras(name: str, repeats: int, quick: bool) -> Iterator[Result]:
    pair = all_pairs()[name]
    for gradient in (False, True):
        for jit in (False, True):
            (ours, plain), arrays = _runs(pair, gradient, jit, quick)
            shapes = ", ".join(str(tuple(a.shape)) for a in arrays)
            timing = compare(ours, plain, 5 * repeats)
            column = f"{passes(gradient)}, {mode(jit)}"
            what = f"{shapes}, {column}, our time over that of plain Keras"
            lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
            yield Result(name, what, *lines, 1 / timing.ratio, "<= 1.05", shapes, column)
            if gradient:
                what = f"{shapes}, {column}, our peak memory over that of plain Keras"
                peaks = least_peaks((ours, plain), 9)
                one, other = (f"{peak / 2**20:.2f} MiB" for peak in peaks)
                column = f"memory, {mode(jit)}"
                yield Result(name, what, one, other, peaks[0] / peaks[1], "<= 1.2", shapes, column)


for _name in all_pairs():
    ROWS[_name] = functools.partial(_against_keras, _name)

CHAIN = (8192, 256, 8)


@row
def polynomial_dense_memory(repeats: int, quick: bool) -> list[Result]:
    """What the forward pass keeps for the gradient: the projections, the last state, the output."""
    del repeats, quick  # Smaller tensors would drown in what else the process does.
    rows, width, degree = CHAIN
    x = tf.random.normal((rows, width))
    inputs = keras.Input((width,))
    in_keras = keras.Model(inputs, all_pairs()["PolynomialDense"].plain(inputs))
    ours, plain = _kept(layers.PolynomialDense(width, degree), x), _kept(in_keras, x)
    projections = 4 * rows * width * degree
    what = (
        f"({rows}, {width}) float32, degree {degree}, eager, kept for the gradient with state and "
        "output, in projections"
    )
    lines = f"{ours / 2**20:.0f} MiB", f"{plain / 2**20:.0f} MiB in plain Keras"
    return [
        Result("PolynomialDense", what, *lines, ours / projections, f"<= {(degree + 2.2) / degree}")
    ]


@row
def gated_mlp_memory(repeats: int, quick: bool) -> list[Result]:
    """What the forward pass keeps for the gradient: the two pre-activations, and the output."""
    del repeats, quick
    rows, width, _ = CHAIN
    x = tf.random.normal((rows, width))
    inputs = keras.Input((width,))
    hidden = 2 * width  # Of sizes that are no powers of two the allocator holds more than is used.
    in_keras = _kept(keras.Model(inputs, gated_mlp(inputs, hidden)), x)
    lines = []
    for packed in (False, True):
        ours = _kept(layers.GatedMLP(hidden_units=hidden, packed=packed), x)
        what = (
            f"({rows}, {width}) float32, {hidden} hidden, {'one kernel' if packed else 'two'}, "
            "eager, kept for the gradient with the output, in pre-activations"
        )
        shown = f"{ours / 2**20:.0f} MiB", f"{in_keras / 2**20:.0f} MiB in plain Keras"
        figure, bound = ours / (4 * rows * hidden), 2.2 + width / hidden
        lines.append(Result("GatedMLP", what, *shown, figure, f"<= {bound:.2f}"))
    return lines


def _kept(model: Any, x: Any) -> int:
    return min(kept_bytes(functools.partial(_forward, model, x)) for _ in range(3))


def _forward(model: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        y = model(x)
    return y, tape
