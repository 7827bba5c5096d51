"""Every op and every layer keeps its digits: float32 against the same in float64.

What is allowed is measured, by one rule for all. A result may be off by some rounding errors of its
greatest value, and by some times as much as it moves in float64 when each number that goes in, an
input or a weight, is moved by one rounding error of float32. That is what stable means: the result
is nearly that of nearly the same numbers. A function that is rough by itself moves by as much; one
that cancels on its way does not.
"""

import inspect
from dataclasses import dataclass
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.layer_cases import all_cases
from hypothesis import given
from hypothesis import strategies as st
from properties.strategies import CALLS, Maker

from keras_hadamard import ops

EPSILON = 2.0**-23
# How many rounding errors and movements a result may be off by, and how often numbers are moved.
ROUNDINGS, MOVES = 30, 2
# Below this float32 has fewer digits, of numbers near one.
TINY = 1e-30
LENGTH = 200
PUBLIC = {name: f for name, f in vars(ops).items() if inspect.isfunction(f) and name[0] != "_"}
CASES = {k: c for k, c in all_cases().items() if c.integers is None}


def _scales(x):
    """Features of all sizes, from 1e-3 to 1e3."""
    return x * 10 ** np.linspace(-3, 3, x.shape[-1]) if x.ndim else x


def _leading(x):
    """The first vector, and of each vector the first number, far greater than the others."""
    first = [np.arange(n) == 0 for n in x.shape[-2:]]
    return x * np.where(np.logical_or.outer(*first) if len(first) > 1 else first or 0, 1e5, 1)


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


@dataclass(frozen=True)
class Slot:
    """Where a tensor of a call will be, and in which range its numbers are."""

    shape: tuple[int, ...]
    low: float
    high: float

    def filled(self, kind, rng):
        if (self.low, self.high) != (0, 1):
            return KINDS[kind](rng.normal(size=self.shape)).astype("float32")
        # A share: near one of its ends, or anywhere.
        near = 10.0 ** rng.uniform(-6, 0, self.shape)
        return np.float32({"negative": near, "positive": 1 - near}.get(kind, near % 1))


class Slots(Maker):
    def tensor(self, *shape, low=-2.0, high=2.0):
        return Slot(shape, low, high)


def op_and_gradients(op, call, numbers, dtype):
    args, options = call
    given, tensors = iter(numbers), []
    leaves = keras.tree.flatten(args)
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Slot):
            leaves[i] = tf.constant(next(given), dtype)
            tensors.append(leaves[i])
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = keras.tree.flatten(op(*keras.tree.pack_sequence_as(args, leaves), **options))
        weights = [np.cos(np.arange(np.prod(y.shape))).reshape(y.shape) for y in outputs]
        total = sum(tf.reduce_sum(y * w) for y, w in zip(outputs, weights, strict=True))
    zero = tf.UnconnectedGradients.ZERO
    return flat([*outputs, *tape.gradient(total, tensors, unconnected_gradients=zero)])


@pytest.mark.parametrize("name", sorted(PUBLIC))
@given(data=st.data())
def test_ops(name, data):
    call = CALLS[name](Slots(data.draw, wild=False))
    slots = [leaf for leaf in keras.tree.flatten(call[0]) if isinstance(leaf, Slot)]
    rng = np.random.default_rng(0)
    for kind in KINDS:
        # The faster sum of an op says that its fields are to be of one scale.
        if call[1].get("exact") is False and kind in OF_ALL_SIZES:
            continue
        numbers = [slot.filled(kind, rng) for slot in slots]
        got = op_and_gradients(PUBLIC[name], call, numbers, "float32")
        exact = op_and_gradients(PUBLIC[name], call, numbers, "float64")
        with rounded_fft(rng):
            others = [
                op_and_gradients(PUBLIC[name], call, [move(n, rng) for n in numbers], "float64")
                for _ in range(MOVES)
            ]
        size = max((np.abs(n).max(initial=1) for n in numbers), default=1)
        for i, (one, other, *more) in enumerate(zip(got, exact, *others, strict=True)):
            times = excess(one, other, more, size)
            assert times <= ROUNDINGS, (kind, "output and gradients"[i and 11 :], call, times)


def long_shapes(case):
    """The shapes with longer sequences where they may be, and the arguments for them."""
    longest = {k: LENGTH for k in ("max_length", "length") if case.kwargs.get(k) is not None}
    if case.fixed and not longest:
        return case.shapes, {}
    return tuple((LENGTH, *s[1:]) if len(s) == 2 else s for s in case.shapes), longest


def weights_of(layer, rng, positive):
    """Weights that are as they start, but those that start alike; or positive ones."""
    values = []
    for v in layer.variables:
        a = np.asarray(v)
        if a.dtype.kind == "f":
            if "variance" in v.name:
                a = rng.uniform(0.5, 2, a.shape)
            elif np.ptp(a) == 0:
                a = a + 0.5 * rng.normal(size=a.shape)
            a = np.float32(np.abs(a) if positive else a)
        values.append(a)
    return values


class Both:
    """A layer in float32 and the same one in float64, on inputs of every kind at once."""

    def __init__(self, case, rng):
        shapes, arguments = long_shapes(case)
        self.case, self.rng = case, rng
        self.layers = []
        for policy in ("float32", "float64"):
            keras.config.set_dtype_policy(policy)
            keras.utils.set_random_seed(0)
            layer = case.build(**arguments)
            sizes = [(None, *shape) for shape in shapes]
            layer.build(sizes if case.many else sizes[0])
            self.layers.append(layer)
        drawn = [rng.normal(size=(1, *shape)) for shape in shapes]
        self.inputs = [np.float32(np.concatenate([k(x) for k in KINDS.values()])) for x in drawn]

    def outputs(self, layer, values, inputs):
        for variable, value in zip(layer.variables, values, strict=True):
            variable.assign(value)
        tensors = [tf.constant(x, layer.compute_dtype) for x in inputs]
        return flat(layer(tensors if self.case.many else tensors[0]))

    def excesses(self, positive):
        single, double = self.layers
        values = weights_of(single, self.rng, positive)
        got = self.outputs(single, values, self.inputs)
        exact = self.outputs(double, values, self.inputs)
        others = []
        with rounded_fft(self.rng):
            for _ in range(MOVES):
                nearly = [move(a, self.rng) if a.dtype.kind == "f" else a for a in values]
                others.append(self.outputs(double, nearly, [move(x, self.rng) for x in self.inputs]))
        for i, kind in enumerate(KINDS):
            size = max(np.abs(x[i]).max(initial=1) for x in self.inputs)
            for one, other, *more in zip(got, exact, *others, strict=True):
                yield kind, excess(one[i], other[i], [m[i] for m in more], size)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_layers(case):
    both = Both(case, np.random.default_rng(0))
    for positive in (False, True):
        for kind, times in both.excesses(positive):
            assert times <= ROUNDINGS, (kind, positive, times)
