"""Every op and every layer keeps its digits at large and small magnitudes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.forward_mode import gradient_of
from harness.layer_cases import all_cases
from harness.op_cases import CASES as OPS
from harness.precision import KINDS, MOVES, OF_ALL_SIZES, ROUNDINGS, excess, flat, move, rounded_fft
from harness.support import first_cases

LENGTH = 200
# A loop over its steps, one after another.
SHORT = {"MultiplicativeLSTM": 20}
# What is erased from a memory leaves its rounding errors there: some of the greatest value so far,
# of which the layer's normalisation makes more where the rest is small. Decays would remove them.
ERASED = {"DeltaNet": ("huge", *OF_ALL_SIZES)}
FIRST = {k: c for k, c in first_cases(all_cases()).items() if c.integers is None}


def of_kind(array, kind):
    """Numbers of a kind in the place of a case's own: shares stay shares, and signs signs."""
    rng = np.random.default_rng(0)
    if np.isin(array, (-1.0, 1.0)).all():
        return np.float32(array)
    if 0 <= np.abs(array).max() <= 1 and (np.sign(array) == np.sign(array.flat[0])).all():
        # Near one of the ends, or anywhere.
        near = 10.0 ** rng.uniform(-6, 0, array.shape)
        share = {"negative": near, "positive": 1 - near}.get(kind, near % 1)
        return np.float32(np.sign(array) * share)
    return np.float32(KINDS[kind](rng.normal(size=array.shape)))


def op_and_gradients(function, numbers, dtype):
    tensors = [tf.constant(number, dtype) for number in numbers]
    return flat([*tf.nest.flatten(function(*tensors)), *gradient_of(function)(*tensors)])


# The gradient of a softmax is TensorFlow's own: `y * (g - sum(g * y))`, which cancels.
@pytest.mark.parametrize("name", sorted(OPS.keys() - {"glu-softmax"}))
def test_ops(name):
    case, rng = OPS[name], np.random.default_rng(0)
    for kind in KINDS:
        # The faster sum of an op says that its fields are to be of one scale.
        if name == "factorization_machine" and kind in OF_ALL_SIZES:
            continue
        numbers = [of_kind(array, kind) for array in case.arrays]
        got, exact = (
            op_and_gradients(case.function, numbers, dtype) for dtype in ("float32", "float64")
        )
        with rounded_fft(rng):
            moved = [[move(n, rng) for n in numbers] for _ in range(MOVES)]
            others = [op_and_gradients(case.function, m, "float64") for m in moved]
        size = max(np.abs(n).max(initial=1) for n in numbers)
        for i, (one, other, *more) in enumerate(zip(got, exact, *others, strict=True)):
            times = excess(one, other, more, size)
            assert times <= ROUNDINGS, (kind, i, times)


def long_shapes(case):
    """The shapes with longer sequences where they may be, and the arguments for them."""
    steps = SHORT.get(case.make.__name__, LENGTH)
    longest = {k: steps for k in ("max_length", "length") if case.kwargs.get(k) is not None}
    if case.fixed and not longest:
        return case.shapes, {}
    return tuple((steps, *s[1:]) if len(s) == 2 else s for s in case.shapes), longest


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
                others.append(
                    self.outputs(double, nearly, [move(x, self.rng) for x in self.inputs])
                )
        for i, kind in enumerate(KINDS):
            size = max(np.abs(x[i]).max(initial=1) for x in self.inputs)
            for one, other, *more in zip(got, exact, *others, strict=True):
                yield kind, excess(one[i], other[i], [m[i] for m in more], size)


@pytest.mark.parametrize("case", FIRST.values(), ids=FIRST.keys())
def test_layers(case):
    both = Both(case, np.random.default_rng(0))
    for positive in (False, True):
        for kind, times in both.excesses(positive):
            if kind in ERASED.get(case.make.__name__, ()):
                continue
            assert times <= ROUNDINGS, (kind, positive, times)
