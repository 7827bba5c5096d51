"""Rows of the non-local blocks: a polynomial against the softmax over all pairs."""

from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.layers import Add, Dense, Dot, Softmax

from benchmarks.speed.measure import compare
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard import layers

TOKENS, WIDTH = 4096, 64


def softmax_non_local(x: Any) -> Any:
    """The non-local block in plain Keras: every position looks at every other."""
    width = x.shape[-1]
    query, key, value = (Dense(width)(x) for _ in range(3))
    weights = Softmax()(Dot((2, 2))([query, key]) / ops.sqrt(float(width)))
    return Add()([Dense(width)(Dot((2, 1))([weights, value])), x])


def _runs(block: Any, x: Any, jit: bool) -> dict[str, Any]:
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, block(inputs))
    variables = [v.value for v in model.trainable_variables]

    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(model(x) ** 2)
        return tape.gradient(loss, [x, *variables])

    runs = {"forward": lambda x: model(x), "forward + gradient": gradient}
    how = {"jit_compile": jit, "autograph": False}
    return {order: partial(tf.function(run, **how), x) for order, run in runs.items()}


@row
def poly_non_local_against_softmax(repeats: int, quick: bool) -> list[Result]:
    """What a softmax over all pairs of positions costs more than a product with their mean."""
    rng = np.random.default_rng(0)
    shape = (1, TOKENS // 8 if quick else TOKENS, WIDTH)
    x = tf.constant(rng.standard_normal(shape, "float32"))
    results = []
    for jit in (False, True):
        ours = _runs(lambda x: layers.PolyNonLocal()(x), x, jit)
        plain = _runs(softmax_non_local, x, jit)
        for order, run in ours.items():
            timing = compare(run, plain[order], repeats)
            what = f"{shape} float32, {order}, {mode(jit)}, times faster"
            lines = f"{timing.ours:.2f} ms", f"{timing.reference:.1f} ms (softmax non-local block)"
            results.append(Result("PolyNonLocal", what, *lines, timing.ratio, ">= 20"))
    return results
