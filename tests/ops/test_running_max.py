"""The running maximum against numpy's."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import MODES

from keras_hadamard.ops._running_max import running_max


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("known", [True, False])
def test_equals_numpy(mode, known):
    run = MODES[mode](running_max)
    if not known and mode != "eager":
        spec = tf.TensorSpec((None, None, 3), "float64")
        jit = mode == "xla"
        run = tf.function(running_max, input_signature=[spec], jit_compile=jit, autograph=False)
    for length in (1, 2, 63, 64, 65, 200):
        x = np.random.default_rng(length).normal(size=(2, length, 3)) - 5
        np.testing.assert_array_equal(run(tf.constant(x)), np.maximum.accumulate(x, axis=1))


def test_has_no_gradient():
    x = tf.random.normal((2, 70, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(running_max(x))
    assert tape.gradient(y, x) is None
