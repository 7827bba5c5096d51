"""Rows of the depthwise convolution and of the networks that stand on it or profit from XLA."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard import models
from keras_hadamard._typing import Tensor
from keras_hadamard.bench._measure import compare
from keras_hadamard.bench._rows import Result, row
from keras_hadamard.ops import depthwise_conv2d

SHAPES = ((8, 56, 56, 24), (8, 28, 28, 64), (8, 14, 14, 192))


def _step(convolve: Callable[..., Tensor], gradient: bool, jit: bool) -> Callable[..., Any]:
    def run(x: Tensor, kernel: Tensor) -> Any:
        if not gradient:
            return convolve(x, kernel)
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            loss = tf.reduce_sum(convolve(x, kernel) ** 2)
        return tape.gradient(loss, [x, kernel])

    return tf.function(run, jit_compile=jit, autograph=False)


def _as_keras(x: Tensor, kernel: Tensor) -> Tensor:
    """What `keras.layers.DepthwiseConv2D` calls."""
    return keras.ops.depthwise_conv(x, kernel, padding="same")


@row
def depthwise_against_keras(repeats: int, quick: bool) -> list[Result]:
    rng = np.random.default_rng(0)
    kinds = (
        (False, True, ">= 5"),
        (True, True, ">= 2"),
        (False, False, ">= 0.9"),
        (True, False, ">= 0.9"),
    )
    results = []
    for shape in SHAPES[1:2] if quick else SHAPES:
        x = tf.constant(rng.standard_normal(shape, "float32"))
        kernel = tf.constant(rng.standard_normal((7, 7, shape[-1], 1), "float32"))
        for gradient, jit, bound in kinds:
            ours, theirs = (_step(f, gradient, jit) for f in (depthwise_conv2d, _as_keras))
            # In a graph both are the same kernel, of a millisecond: only many turns tell.
            turns = (3 if jit else 15) * repeats
            timing = compare(partial(ours, x, kernel), partial(theirs, x, kernel), turns)
            what = (
                f"7x7 on {shape}, {'forward + gradient' if gradient else 'forward'}, "
                f"{'XLA' if jit else 'graph'}, times faster than Keras's"
            )
            lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
            results.append(Result("depthwise_conv2d", what, *lines, timing.ratio, bound))
    return results


@row
def networks_under_xla(repeats: int, quick: bool) -> list[Result]:
    size, batch = (64, 2) if quick else (224, 4)
    images = tf.constant(
        np.random.default_rng(0).standard_normal((batch, size, size, 3), "float32")
    )
    results = []
    for make, name in ((models.StarNet, "StarNet s1"), (models.MONet, "MONet t")):
        model = make(input_shape=(size, size, 3))

        def forward(x: Tensor, model: Any = model) -> Any:
            return model(x, training=False)

        compiled, plain = (
            tf.function(forward, jit_compile=jit, autograph=False) for jit in (True, False)
        )
        timing = compare(partial(compiled, images), partial(plain, images), 5 * repeats)
        what = f"{tuple(images.shape)}, forward, time under XLA over that in the plain graph"
        lines = f"{timing.ours:.1f} ms", f"{timing.reference:.1f} ms"
        results.append(Result(name, what, *lines, 1 / timing.ratio, "<= 1"))
        keras.utils.clear_session()
    return results
