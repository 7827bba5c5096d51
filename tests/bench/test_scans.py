"""The scans that `gated_scan` is measured against are the same recurrence."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.speed.scans import others, tensorflow
from keras_hadamard.ops import gated_scan

RIVALS = {name: make for name, make in others().items() if "GRU" not in name}


@pytest.mark.parametrize("name", RIVALS)
def test_everyone_gives_the_same_states_and_gradients(name):
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.1, 0.9, (2, 7, 3)).astype("float32") for _ in range(3)]
    ours = tensorflow(gated_scan, True)(*arrays)
    for one, other in zip(ours, RIVALS[name](*arrays), strict=True):
        for got, expected in zip(tf.nest.flatten(other()), tf.nest.flatten(one()), strict=True):
            np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-5, atol=1e-5)
