"""The sine of wide phases, which XLA on a CPU computes one number at a time."""

import math

import keras
import tensorflow as tf

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._xla import inside_xla

# Pi in three parts; the first two have so few bits that their multiples are exact.
PI = (3.140625, 9.67502593994140625e-4, 1.509957990978376432e-7)
# Of the Taylor series; the next term is below 1e-9 within a quarter of a turn.
COEFFICIENTS = [(-1) ** n / math.factorial(2 * n + 1) for n in range(7)]


def _wave(x: Tensor, lead: float) -> Tensor:
    """`sin(x + lead * pi)` in float32, by multiplications and additions only.

    The remainder of the phase modulo half turns goes through the series. It is exact to a few
    rounding errors while the phase is below some 2,000, and bounded beyond.
    """
    turns = tf.round(x * (1 / math.pi) + lead)
    rest = x
    for part in PI:
        rest = rest - (turns - lead) * part
    rest = tf.clip_by_value(rest, -math.pi / 2, math.pi / 2)
    square = rest * rest
    series = tf.fill(tf.shape(square), COEFFICIENTS[-1])
    for coefficient in COEFFICIENTS[-2::-1]:
        series = series * square + coefficient
    odd = turns - 2 * tf.floor(turns / 2)
    return (1 - 2 * odd) * rest * series


def _inside_xla(x: Tensor, *, quarters: int) -> Tensor:
    wide = tf.cast(x, accumulation_dtype(x.dtype))
    if wide.dtype != tf.float32:
        return _plain(x, quarters)
    return tf.cast(_wave(wide, quarters / 2), x.dtype)


def _plain(x: Tensor, quarters: int) -> Tensor:
    wide = tf.cast(x, accumulation_dtype(x.dtype))
    y = tf.cos(wide) if quarters % 2 else tf.sin(wide)
    return tf.cast(-y if quarters > 1 else y, x.dtype)


def _gradient(upstream: Tensor, y: Tensor, x: Tensor, *, quarters: int) -> tuple[Tensor]:
    del y
    # The slope is the sine a quarter of a turn ahead.
    return (upstream * _sine(x, quarters=(quarters + 1) % 4),)


@custom_op(gradient=_gradient, xla=_inside_xla)
def _sine(x: Tensor, *, quarters: int) -> Tensor:
    return _plain(x, quarters)


def sine(x: Tensor) -> Tensor:
    """`sin(x)`, elementwise; float32 inside for 16-bit floats."""
    return _turned(x, 0)


def cosine(x: Tensor) -> Tensor:
    """`cos(x)`, as `sine`."""
    return _turned(x, 1)


def _turned(x: Tensor, quarters: int) -> Tensor:
    # Elsewhere TensorFlow's own kernel and gradient are as fast, and reuse their memory.
    if inside_xla() or isinstance(x, keras.KerasTensor):
        return _sine(x, quarters=quarters)
    return _plain(tf.convert_to_tensor(x), quarters)
