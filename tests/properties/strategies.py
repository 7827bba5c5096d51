"""Calls of every public op: those that are right, and any that someone may come up with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

DTYPES = ("float16", "bfloat16", "float32", "float64")
# What is wrong for an option of integers and for one of numbers.
NO_INTEGERS = (0, -1, -7, True, 1.5, "2", None)
NO_NUMBERS = (-1.0, float("nan"), float("inf"), -float("inf"), "a", None)

Call = tuple[tuple[Any, ...], dict[str, Any]]


class Maker:
    """Draws arguments of one call; a wild one has empty axes and, now and then, a mistake."""

    def __init__(self, draw: Callable[[Any], Any], wild: bool) -> None:
        self.draw, self.wild = draw, wild
        self.dtype = draw(st.sampled_from(DTYPES))

    def size(self, least: int = 1, most: int = 4) -> int:
        return self.draw(st.integers(0 if self.wild else least, most))

    def sizes(self, least: int = 0, most: int = 3) -> tuple[int, ...]:
        return tuple(self.size() for _ in range(self.draw(st.integers(least, most))))

    def axis(self, rank: int) -> int:
        axes = list(range(-rank, rank)) or [0]
        return self.option(axes, (rank, -rank - 1, 0.5, "0", None))

    def option(self, right: Any, wrong: Any = ()) -> Any:
        return self.draw(st.sampled_from([*right, *(wrong if self._mistake() else ())]))

    def maybe(self, tensor: Callable[[], Any]) -> Any:
        return tensor() if self.draw(st.booleans()) else None

    def tensor(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Any:
        dtype = self.dtype
        if self._mistake():
            shape = self._other(shape)
        if self._mistake():
            dtype = self.draw(st.sampled_from([*DTYPES, "int32"]))
        numbers = st.floats(low, high, width=16)
        return tf.cast(self.draw(arrays.arrays("float32", shape, elements=numbers)), dtype)

    def integers(self, below: int, *shape: int) -> np.ndarray:
        low, high = (-1, below) if self._mistake() else (0, max(below - 1, 0))
        return self.draw(arrays.arrays("int32", shape, elements=st.integers(low, high)))

    def _mistake(self) -> bool:
        return self.wild and self.draw(st.integers(0, 5)) == 0

    def _other(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        ways = [(*shape, 1), (2, *shape)]
        ways += [shape[:i] + shape[i + 1 :] for i in range(len(shape))]
        ways += [(*shape[:i], shape[i] + 1, *shape[i + 1 :]) for i in range(len(shape))]
        return self.draw(st.sampled_from(ways))


def _anova_kernel(m: Maker) -> Call:
    x = m.tensor(*m.sizes(most=2), m.size(), m.size())
    return (x,), {"order": m.option((1, 2, 3, 6), NO_INTEGERS), "reduce": m.option((True, False))}


def _causal_long_conv(m: Maker) -> Call:
    channels = m.size()
    x, kernel = m.tensor(m.size(), m.size(), channels), m.tensor(m.size(most=6), channels)
    return (x, kernel), {"method": m.option(("fft", "direct"), ("FFT", None, 1))}


def _compact_bilinear(m: Maker) -> Call:
    lead, width = m.sizes(most=2), m.size()
    axes = [None, *range(len(lead)), *range(-1 - len(lead), -1)]
    x, y = m.tensor(*lead, width), m.tensor(*lead, width)
    return (x, y), {"sum_axis": m.option(axes, (-1, 5, 0.5, "0"))}


def _count_sketch(m: Maker) -> Call:
    width, size = m.size(), m.option((1, 3, 8), NO_INTEGERS)
    indices = m.integers(size if isinstance(size, int) and size > 0 else 1, width)
    return (m.tensor(*m.sizes(), width), indices, m.tensor(width)), {"size": size}


def _delta_rule(m: Maker) -> Call:
    batch, length, heads, keys, values = (m.size() for _ in range(5))
    q, k = (m.tensor(batch, length, heads, keys, low=-0.5, high=0.5) for _ in range(2))
    v = m.tensor(batch, length, heads, values)
    read = m.maybe(lambda: m.tensor(batch, length, heads, keys, low=-0.5, high=0.5))
    each = m.option(((), (values,))) if read is None else (keys,)
    beta = m.tensor(batch, length, heads, *each, low=0.0, high=1.0)
    decay = m.maybe(lambda: m.tensor(batch, length, heads, m.option((1, keys)), low=0.0, high=1.0))
    initial = m.maybe(lambda: m.tensor(batch, heads, keys, values))
    options = {"chunk": m.option((1, 2, 64), (0, 3, -2, True, 1.5, None)), "read": read}
    return (q, k, v, beta, decay, initial), {**options, "return_state": m.option((True, False))}


def _depthwise_conv2d(m: Maker) -> Call:
    channels, taps = m.size(), (m.size(most=3), m.size(most=3))
    strides, dilation = m.option((1, 2), NO_INTEGERS), m.option((1,), NO_INTEGERS)
    if strides == 1:
        dilation = m.option((1, 2), NO_INTEGERS)
    sides = [max(n - 1, 0) * 2 + m.size() for n in taps]
    kernel = m.tensor(*taps, channels, *m.option(((), (1,))))
    padding = m.option(("same", "valid"), ("full", None))
    options = {"strides": strides, "padding": padding, "dilation": dilation}
    return (m.tensor(m.size(), *sides, channels), kernel), options


def _factorization_machine(m: Maker) -> Call:
    return (m.tensor(*m.sizes(2, 4)),), {
        "reduce": m.option((True, False)),
        "exact": m.option((True, False)),
    }


def _factorized_bilinear_pool(m: Maker) -> Call:
    factor = m.option((1, 2, 3), NO_INTEGERS)
    width = m.size() * (factor if isinstance(factor, int) and factor > 0 else 2)
    lead = m.sizes()
    return (m.tensor(*lead, width), m.tensor(*lead, width)), {"factor": factor}


def _gated_linear_attention(m: Maker) -> Call:
    batch, length, heads, keys, values = (m.size() for _ in range(5))
    q, k = (m.tensor(batch, length, heads, keys) for _ in range(2))
    v = m.tensor(batch, length, heads, values)
    decay = m.tensor(batch, length, heads, m.option((1, keys)), low=0.0, high=1.0)
    initial = m.maybe(lambda: m.tensor(batch, heads, keys, values))
    options = {"chunk": m.option((1, 2, 64), (0, 3, -2, True, 1.5, None))}
    return (q, k, v, decay, initial), {**options, "return_state": m.option((True, False))}


def _gated_scan(m: Maker) -> Call:
    shape = m.sizes(1, 4)
    axis = m.axis(len(shape))
    rest = list(shape)
    if axis in range(-len(shape), len(shape)):
        del rest[axis]
    initial = m.maybe(lambda: m.tensor(*rest))
    options = {"axis": axis, "reverse": m.option((True, False))}
    return (m.tensor(*shape), m.tensor(*shape), initial), options


def _glu(m: Maker) -> Call:
    shape = m.sizes()
    names = ("sigmoid", "gelu", "silu", "relu", "tanh", None)
    activation = m.option(names, ("no such thing", 3, ["relu"]))
    return (m.tensor(*shape, high=8.0), m.tensor(*shape, low=-8.0)), {"activation": activation}


def _stretch(m: Maker) -> dict[str, Any]:
    wrong = (0.0, *NO_NUMBERS)
    return {
        "temperature": m.option((0.5, 2 / 3, 1), wrong),
        "lower": m.option((-0.1, -1), wrong),
        "upper": m.option((1.1, 2), wrong),
    }


def _hard_concrete(m: Maker) -> Call:
    shape = m.sizes()
    uniform = m.maybe(lambda: m.tensor(*shape, low=0.0, high=1.0))
    return (m.tensor(*shape, low=-8.0, high=8.0), uniform), _stretch(m)


def _open_probability(m: Maker) -> Call:
    return (m.tensor(*m.sizes(), low=-8.0, high=8.0),), _stretch(m)


def _khatri_rao_matmul(m: Maker) -> Call:
    inputs, one, two, outputs = (m.size() for _ in range(4))
    left = m.tensor(inputs, one), m.tensor(one, outputs)
    right = m.tensor(inputs, two), m.tensor(two, outputs)
    if m.wild:
        right = m.option((right, right[:1]))
    return (m.tensor(*m.sizes(), inputs), left, right), {}


def _l2_normalize(m: Maker) -> Call:
    shape = m.sizes(1)
    epsilon = m.option((1e-12, 1e-3, 1), (0.0, *NO_NUMBERS))
    return (m.tensor(*shape),), {"axis": m.axis(len(shape)), "epsilon": epsilon}


def _modulate(m: Maker) -> Call:
    batch, *between, features = m.size(), *m.sizes(most=2), m.size()
    shift = m.maybe(lambda: m.tensor(batch, features))
    return (m.tensor(batch, *between, features), m.tensor(batch, features), shift), {}


def _polynomial_chain(m: Maker) -> Call:
    degree, shape = m.size(), m.sizes(1)
    gates = m.maybe(lambda: m.tensor(max(degree - 1, 0)))
    if m.draw(st.booleans()):
        return ([m.tensor(*shape) for _ in range(degree)], gates), {}
    axis = m.axis(len(shape) + 1)
    place = axis if isinstance(axis, int) else 0
    place += len(shape) + 1 if place < 0 else 0
    return (m.tensor(*shape[:place], degree, *shape[place:]), gates), {"axis": axis}


def _selective_scan(m: Maker) -> Call:
    batch, length, groups, states = (m.size() for _ in range(4))
    channels = groups * m.size()
    x, steps = m.tensor(batch, length, channels), m.tensor(batch, length, channels, low=0.0)
    rates = m.tensor(channels, states, high=0.0)
    b, c = (m.tensor(batch, length, groups, states) for _ in range(2))
    initial = m.maybe(lambda: m.tensor(batch, channels, states))
    options = {"chunk": m.option((1, 2, 64), (0, 3, -2, True, 1.5, None))}
    return (x, steps, rates, b, c, initial), {**options, "return_state": m.option((True, False))}


def _signed_sqrt(m: Maker) -> Call:
    return (m.tensor(*m.sizes()),), {"epsilon": m.option((0.0, 1e-3, 1), NO_NUMBERS)}


def _spatial_shift(m: Maker) -> Call:
    return (m.tensor(*(m.size(most=5) for _ in range(4))),), {}


def _straight_through_top_k(m: Maker) -> Call:
    shape = m.sizes(1)
    axis = m.option((None, m.axis(len(shape))))
    fits = axis in range(-len(shape), len(shape))
    count = shape[axis] if fits else int(np.prod(shape))
    k = m.option(range(min(1, count), count + 1), (-1, count + 1, True, 1.5, "1", None))
    return (m.tensor(*shape),), {"k": k, "axis": axis}


# By the names of the ops.
CALLS = {n[1:]: f for n, f in list(globals().items()) if n[:1] == "_" and n[1].islower()}
CALLS.pop("stretch")


@st.composite
def calls(draw: Callable[[Any], Any], op: str, wild: bool) -> Call:
    """The arguments of one call of an op, positional and by name."""
    return CALLS[op](Maker(draw, wild))
