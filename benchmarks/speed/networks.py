"""Rows of the depthwise convolution and of the networks that stand on it or profit from XLA."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard import models
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import depthwise_conv2d

SHAPES = ((8, 56, 56, 24), (8, 28, 28, 64), (8, 14, 14, 192))
# The shape of which the time in XLA is held against TensorFlow's own kernel in a plain graph, and
# how many times as long forward and with both gradients may take.
HELD, AT_MOST = SHAPES[1], {False: 2, True: 5}
# One or two blocks a stage: XLA compiles each of them again.
NETWORKS: dict[str, Callable[..., Any]] = {
    "StarNet s1": partial(models.StarNet, blocks=(1, 1, 2, 1)),
    "FocalNet tiny": partial(models.FocalNet, blocks=(1, 1, 2, 1)),
    "HorNet tiny 7x7": partial(models.HorNet, blocks=(1, 1, 2, 1)),
    "HorNet tiny gf": partial(models.HorNet, "tiny_gf", blocks=(1, 1, 2, 1)),
    "MambaOut femto": partial(models.MambaOut, blocks=(1, 1, 2, 1)),
    "EfficientMod xxs": partial(
        models.EfficientMod, blocks=(2, 2, 2, 2), attention_blocks=(0, 0, 1, 1)
    ),
}


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
                f"{mode(jit)}, times faster than Keras's"
            )
            lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
            results.append(Result("depthwise_conv2d", what, *lines, timing.ratio, bound))
        if shape == HELD:
            results += [_against_kernel(x, kernel, gradient, repeats) for gradient in AT_MOST]
    return results


def _against_kernel(x: Tensor, kernel: Tensor, gradient: bool, repeats: int) -> Result:
    """Ours in XLA against TensorFlow's kernel where XLA is not."""
    ours, native = _step(depthwise_conv2d, gradient, True), _step(_as_keras, gradient, False)
    timing = compare(partial(ours, x, kernel), partial(native, x, kernel), 15 * repeats)
    what = (
        f"7x7 on {tuple(x.shape)}, {'forward + gradient' if gradient else 'forward'}, time under "
        "XLA over that of TensorFlow's kernel in a plain graph"
    )
    lines = f"{timing.ours:.2f} ms", f"{timing.reference:.2f} ms"
    return Result("depthwise_conv2d", what, *lines, 1 / timing.ratio, f"<= {AT_MOST[gradient]}")


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


@row
def network_steps_under_xla(repeats: int, quick: bool) -> Iterator[Result]:
    """Steps of training, as `compile(jit_compile=True)` gives them and as without."""
    size, batch = (32, 2) if quick else (128, 8)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, size, size, 3), "float32")
    labels = rng.integers(0, 1000, batch)
    for name, make in NETWORKS.items():
        steps = [_training_step(make, images, labels, jit) for jit in (True, False)]
        timing = compare(steps[0], steps[1], 5 * repeats)
        what = f"{images.shape}, a step of training, time under XLA over that in the plain graph"
        lines = f"{timing.ours:.1f} ms", f"{timing.reference:.1f} ms"
        yield Result(name, what, *lines, 1 / timing.ratio, "<= 1.3")
        keras.utils.clear_session()


def _training_step(make: Any, images: Any, labels: Any, jit: bool) -> Callable[[], Any]:
    model = make(input_shape=images.shape[1:])
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.SGD(1e-3), loss, jit_compile=jit)
    return partial(model.train_on_batch, images, labels)
