"""The sine in its two forms."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import MODES, check_forward, check_gradients, check_symbolic

from keras_hadamard.ops._sine import cosine, sine


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4), (0, 3)])
def test_equals_the_sine_with_gradients(shape):
    # Steps that the 16-bit types hold too.
    x = np.random.default_rng(0).integers(-64, 64, shape) / 16
    check_forward(sine, (x,), np.sin(x))
    check_forward(cosine, (x,), np.cos(x))
    if x.size:
        check_gradients(sine, (x,))


def test_in_functional_models(tmp_path):
    check_symbolic(sine, (np.random.default_rng(0).normal(size=(3, 4, 5)),), tmp_path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("largest", [1.0, 100.0, 2000.0])
def test_wide_phases_are_exact_in_float32_with_both_derivatives(mode, largest):
    # The zeros and the turning points too, where the series change over.
    turns = np.arange(-round(largest / np.pi) * 2 - 2, 8) * np.pi / 2
    x = np.concatenate([np.linspace(-largest, largest, 20_001), turns, -turns]).astype("float32")

    def derivatives(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = sine(x)
            first = inner.gradient(y, x)
        return y, first, outer.gradient(first, x)

    exact = x.astype("float64")
    wanted = np.sin(exact), np.cos(exact), -np.sin(exact)
    for got, want in zip(MODES[mode](derivatives)(tf.constant(x)), wanted, strict=True):
        assert np.abs(got - want).max() < 2.5e-7


@pytest.mark.parametrize("mode", MODES)
def test_phases_out_of_all_proportion_stay_bounded(mode):
    x = tf.constant(np.geomspace(1e5, 1e30, 200).astype("float32"))
    y = MODES[mode](lambda x: sine(x))(x)
    assert np.isfinite(y).all() and np.abs(y).max() <= 1 + 1e-6
