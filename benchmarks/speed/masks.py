"""Rows of the masks of inpainting: what it costs to know how much of a window is known."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard import layers
from keras_hadamard._core.typing import Tensor

SIZE = (8, 128, 128, 32)


def _per_channel(layer: Any) -> Callable[..., Any]:
    """Partial convolution as the authors' code has it: ones for every pair of channels."""
    kernel, bias = layer.convolution.kernel.value, layer.bias.value
    ones = tf.ones_like(kernel)

    def run(x: Tensor, mask: Tensor) -> Any:
        sums = tf.nn.conv2d(mask, ones, 1, "SAME")
        known = tf.clip_by_value(sums, 0.0, 1.0)
        ratio = 9 * SIZE[-1] / (sums + 1e-8) * known
        y = tf.nn.bias_add(tf.nn.conv2d(x * mask, kernel, 1, "SAME") * ratio, bias) * known
        return y, known

    return run


@row
def partial_convolution_masks(repeats: int, quick: bool) -> Iterator[Result]:
    size = (2, *SIZE[1:]) if quick else SIZE
    rng = np.random.default_rng(0)
    x = tf.constant(rng.standard_normal(size), "float32")
    mask = tf.constant(rng.random((*size[:-1], 1)) > 0.4, "float32")
    full = tf.repeat(mask, size[-1], -1)
    for multi in (False, True):
        layer = layers.PartialConv2D(size[-1], multi_channel=multi, return_mask=True)
        layer([x, full if multi else mask])
        plain = _per_channel(layer)
        for jit in (False, True):
            ours, theirs = (
                tf.function(f, jit_compile=jit, autograph=False)
                for f in (lambda *inputs, layer=layer: layer(list(inputs)), plain)
            )
            runs = partial(ours, x, full if multi else mask), partial(theirs, x, full)
            timing = compare(*runs, 5 * repeats)
            what = f"{size}, mask of {size[-1] if multi else 1}, forward, {mode(jit)}, times faster"
            lines = f"{timing.ours:.1f} ms", f"{timing.reference:.1f} ms (mask convolved with ones)"
            yield Result("PartialConv2D", what, *lines, timing.ratio, ">= 1.4")
