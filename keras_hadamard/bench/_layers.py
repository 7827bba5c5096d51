"""Rows of the layers: each against the same equation in plain Keras."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard.bench._measure import compare
from keras_hadamard.bench._pairs import all_pairs
from keras_hadamard.bench._pairs._pair import Pair
from keras_hadamard.bench._rows import Result, row


def _step(model: keras.Model, gradient: bool, jit: bool) -> Callable[..., Any]:
    variables = [v.value for v in model.trainable_variables]

    def run(*inputs: Any) -> Any:
        x = list(inputs) if len(inputs) > 1 else inputs[0]
        if not gradient:
            return model(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(model(x) ** 2)
        return tape.gradient(loss, [*variables, *inputs])

    return tf.function(run, jit_compile=jit, autograph=False)


def _measure(name: str, pair: Pair, repeats: int, quick: bool) -> list[Result]:
    batch = pair.batch or (256 if len(pair.shapes[0]) == 1 else 16)
    batch = max(2, batch // 16) if quick else batch
    rng = np.random.default_rng(0)
    arrays = [tf.constant(rng.standard_normal((batch, *s), "float32")) for s in pair.shapes]
    results = []
    for gradient in (False, True):
        for jit in (False, True):
            runs = []
            for make in (lambda x: pair.ours()(x), pair.plain):
                inputs = [keras.Input(s) for s in pair.shapes]
                model = keras.Model(inputs, make(inputs if len(inputs) > 1 else inputs[0]))
                runs.append(_step(model, gradient, jit))
            ours, plain = (functools.partial(run, *arrays) for run in runs)
            timing = compare(ours, plain, repeats)
            what = (
                f"{[tuple(a.shape) for a in arrays]}, "
                f"{'forward + gradient' if gradient else 'forward'}, {'XLA' if jit else 'graph'}, "
                "our time over that of plain Keras"
            )
            lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
            results.append(Result(name, what, *lines, 1 / timing.ratio, "<= 1.05"))
    return results


@row
def layers_against_keras(repeats: int, quick: bool) -> list[Result]:
    results = []
    for name, pair in all_pairs().items():
        results += _measure(name, pair, 3 * repeats, quick)
        keras.utils.clear_session()
    return results
