"""The part of an error that rounding explains: float32 against the same in float64.

What is allowed is measured, by one rule for all. A result may be off by some rounding errors of its
greatest value, and by some times as much as it moves in float64 when each number that goes in, an
input or a weight, is moved by one rounding error of float32. That is what stable means: the result
is nearly that of nearly the same numbers. A function that is rough by itself moves by as much; one
that cancels on its way does not.
"""

from unittest import mock

import keras
import numpy as np
import tensorflow as tf

EPSILON = 2.0**-23
# How many rounding errors and movements a result may be off by, and how often numbers are moved.
ROUNDINGS, MOVES = 30, 2
# Below this float32 has fewer digits, of numbers near one.
TINY = 1e-30


def _scales(x):
    """Features of all sizes, from 1e-3 to 1e3."""
    return x * 10 ** np.linspace(-3, 3, x.shape[-1]) if x.ndim else x


def _leading(x):
    """The first vector, and of each vector the first number, far greater than the others."""
    first = np.zeros(x.shape[-2:], bool)
    first[:1] = True
    first[..., :1] = True
    return x * np.where(first, 1e5, 1)


KINDS = {
    "tiny": lambda x: 1e-4 * x,
    "normal": lambda x: x,
    "large": lambda x: 30 * x,
    "huge": lambda x: 1e3 * x,
    "positive": lambda x: 15 * (1 + np.abs(x)),
    "negative": lambda x: -15 * (1 + np.abs(x)),
    "far above": lambda x: 1e3 + x,
    "far below": lambda x: x - 1e3,
    "scales": _scales,
    "leading": _leading,
}
OF_ALL_SIZES = ("scales", "leading")


def move(x, rng):
    return x * (1 + EPSILON * rng.choice([-1.0, 1.0], np.shape(x)))


def rounded_fft(rng):
    """Inverse transforms that round as float32 does: every number by what the greatest rounds."""

    def rounding(inverse):
        def rounded(*args):
            y = inverse(*args)
            signs = rng.choice([-1.0, 1.0], y.shape)
            return y + EPSILON * tf.reduce_max(tf.abs(y), -1, keepdims=True) * signs

        return rounded

    names = ("irfft", "irfft2d")
    return mock.patch.multiple(tf.signal, **{n: rounding(getattr(tf.signal, n)) for n in names})


def excess(got, exact, others, size):
    """How many times the error is what rounding explains."""
    top = np.abs(exact).max(initial=0)
    change = max(np.abs(other - exact).max(initial=0) for other in others)
    error = np.abs(got - exact).max(initial=0)
    return error / (EPSILON * top + change + TINY * size) if np.isfinite(got).all() else np.inf


def flat(y):
    return [np.asarray(part, "float64") for part in keras.tree.flatten(y)]
