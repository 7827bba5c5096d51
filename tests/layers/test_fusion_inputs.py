"""Bad, missing and degenerate inputs of every fusion that has a name."""

import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard.layers import get_fusion
from keras_hadamard.layers.registry.fusions import FUSIONS

SMALL = {
    "mcb": {"sketch_dim": 16},
    "block": {"mm_dim": 6, "chunks": 2, "rank": 2},
    "block_tucker": {"mm_dim": 6, "chunks": 2},
}
EVERY = pytest.mark.parametrize("name", FUSIONS.names)


def make(name, **options):
    return get_fusion(name, 4, **SMALL.get(name, {}), **options)


def pair(batch=3):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(batch, n)).astype("float32") for n in (5, 7)]


BAD = {
    "one tensor": lambda x, y: x,
    "nothing": lambda x, y: [],
    "unequal batch": lambda x, y: [x, y[:2]],
    "rank one": lambda x, y: [x[0], y[0]],
    "integers": lambda x, y: [x.astype("int32"), y],
}


@EVERY
@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_told(name, bad, built):
    layer = make(name)
    if built:
        layer(pair())
    with pytest.raises(ValueError, match=r"Expected .*\. Received: "):
        layer(BAD[bad](*pair()))


@pytest.mark.parametrize("name", [n for n, e in FUSIONS.entries.items() if e.modalities == 2])
def test_three_where_two_are_wanted(name):
    x, y = pair()
    with pytest.raises(ValueError, match="a list of 2 tensors"):
        make(name)([x, y, x])


@EVERY
def test_a_row_of_nan_stays_in_its_row(name):
    layer, (x, y) = make(name), pair()
    expected = np.asarray(layer([x, y]))
    x[1] = np.nan
    got = np.asarray(layer([x, y]))
    np.testing.assert_allclose(got[[0, 2]], expected[[0, 2]], rtol=1e-5, atol=1e-6)


NORMALIZED = [name for name in FUSIONS.names if hasattr(make(name), "normalize")]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in FUSIONS.names),
        *((name, {"normalize": normalize}) for name in NORMALIZED for normalize in (True, False)),
    ],
)
def test_rows_of_zeros_have_finite_gradients(name, options):
    layer, (x, y) = make(name, **options), pair()
    x[1], y[2] = 0, 0
    x, y = tf.constant(x), tf.constant(y)
    layer([x, y])
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        z = layer([x, y])
        loss = tf.reduce_sum(z * z + z)
    assert np.isfinite(z).all()
    for gradient in tape.gradient(loss, [x, y, *(w.value for w in layer.trainable_weights)]):
        assert gradient is None or np.isfinite(gradient).all()


@EVERY
def test_an_empty_batch_is_fused_to_one(name):
    layer = make(name)
    layer(pair())
    assert layer(pair(0)).shape == (0, 4)


def test_unknown_names_are_told_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'block_tucker'"):
        get_fusion("blocktucker", 4)
