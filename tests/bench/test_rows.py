"""The benchmark's rows: every layer has one, and a row measures what it says."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.layer_cases import PUBLIC

from benchmarks.speed import LAYERS
from benchmarks.speed.layers import _against_keras
from benchmarks.speed.measure import kept_bytes, peak_bytes
from benchmarks.speed.pairs import all_pairs
from benchmarks.speed.rows import ROWS

# A sentence of other layers; nothing but a mask, or one that is drawn.
WITHOUT = {"HadamardProduct", "DropBlock2D", "DropConnect", "DropPath"}


def test_every_layer_has_a_row():
    assert set(LAYERS) == set(PUBLIC) - WITHOUT
    assert set(LAYERS) < set(ROWS)


@pytest.mark.parametrize("name", LAYERS)
def test_plain_keras_is_the_same_equation(name):
    """Outputs of the same shapes, and as many weights but for a bias."""
    pair = all_pairs()[name]
    inputs = [keras.Input(s) for s in pair.shapes]
    x = inputs if len(inputs) > 1 else inputs[0]
    ours, plain = (keras.Model(inputs, make(x)) for make in (lambda x: pair.ours()(x), pair.plain))
    shapes = [[tuple(o.shape) for o in tf.nest.flatten(m.outputs)] for m in (ours, plain)]
    assert shapes[0] == shapes[1]
    counts = [sum(int(np.prod(w.shape)) for w in m.trainable_weights) for m in (ours, plain)]
    assert abs(counts[0] - counts[1]) <= 0.01 * counts[0]


def test_memory_is_what_the_allocator_holds():
    x = tf.random.normal((1024, 1024))
    # The allocator gives a free chunk as it is where that is less than twice what was asked for.
    assert 4 * 2**20 <= kept_bytes(lambda: x + 1) < 8 * 2**20
    assert 8 * 2**20 <= peak_bytes(lambda: tf.matmul(x + 1, x)) < 16 * 2**20


def test_a_row_has_time_and_memory():
    results = list(_against_keras("FeatureCross", 1, True))
    assert len(results) == 6
    assert sum("memory" in r.what for r in results) == 2
    assert all(r.figure > 0 for r in results)
