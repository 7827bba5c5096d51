"""Properties of the polynomial non-local block, of each position and of the moments of all."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from adapters.adapted_models import shake
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard import adapters
from keras_hadamard.layers import PolyNonLocal
from keras_hadamard.layers._masks import masked_mean
from keras_hadamard.layers.pairwise import poly_non_local

FEW, MANY = (2, 6, 5), (2, 9, 5, 3)


def everywhere(x):
    """A mask that changes nothing but the way: with a mask, each position is projected."""
    return np.ones(x.shape[:-1], bool)


@pytest.fixture
def together(monkeypatch):
    """Whoever asks for this sees only the moments: no position is projected by itself."""

    def fails(x, mask, axes):
        assert mask is not None, "each position was projected"
        return masked_mean(x, mask, axes)

    monkeypatch.setattr(poly_non_local, "masked_mean", fails)


def results(layer, x, mask):
    """The output, and the gradients of the input and the weights."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, mask=mask, training=True)
        loss = tf.reduce_sum(tf.sin(y))
    weights = [v.value for v in layer.trainable_variables]
    return [y, *tape.gradient(loss, [x, *weights])]


@pytest.mark.usefixtures("together")
@pytest.mark.parametrize("jit", [None, False, True], ids=["eager", "graph", "xla"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_moments_of_all_are_the_mean_of_each(jit, dtype, tolerance):
    layer = PolyNonLocal(bias_initializer="glorot_normal", beta_initializer="glorot_normal")
    layer = PolyNonLocal.from_config({**layer.get_config(), "dtype": dtype})
    # Far from zero, where the covariance is the smaller part.
    x = (normal(2, 9, 7, 4) + 1).astype(dtype)
    layer.build(x.shape)
    run = results if jit is None else tf.function(results, jit_compile=jit, autograph=False)
    for one, other in zip(run(layer, x, None), results(layer, x, everywhere(x)), strict=True):
        largest = np.abs(other).max()
        assert_close(one / largest, other / largest, tolerance)


@pytest.mark.usefixtures("together")
@pytest.mark.parametrize("name", ["LoRA", "LoHa", "IA3", "DoRA"])
def test_moments_see_what_adapters_do(name):
    inputs = keras.Input(MANY[1:])
    kind = getattr(adapters, name)
    adapter = kind() if name == "IA3" else kind(rank=2)
    layer = PolyNonLocal(bias_initializer="glorot_normal")
    model = keras.Model(inputs, layer(inputs))
    adapted = adapters.apply(model, adapter, target=".*projection.*")
    x = normal(*MANY)
    before = np.asarray(adapted(x))
    shake(adapted)
    assert np.abs(adapted(x) - before).max() > 1e-3
    assert_close(adapted(x), adapters.merge(adapted)(x), 1e-10)


@pytest.mark.usefixtures("together")
def test_an_empty_batch_has_the_shape_of_any_other():
    assert PolyNonLocal()(np.zeros((0, *MANY[1:]))).shape == (0, *MANY[1:])


@pytest.mark.parametrize("positions", [6, 30])
def test_is_equivariant_to_permutations(positions):
    layer = PolyNonLocal()
    x = normal(2, positions, 5)
    order = np.random.default_rng(1).permutation(positions)
    assert_close(layer(x[:, order]), np.asarray(layer(x))[:, order])


def test_of_an_image_is_that_of_its_positions():
    layer = PolyNonLocal()
    x = normal(2, 4, 3, 5)
    assert_close(np.reshape(layer(x), (2, 12, 5)), layer(x.reshape(2, 12, 5)))


@pytest.mark.parametrize("shape", [FEW, MANY])
def test_starts_as_the_identity_when_asked(shape):
    x = normal(*shape)
    np.testing.assert_array_equal(PolyNonLocal(alpha_initializer="zeros")(x), x)


def test_ignores_masked_positions():
    layer = PolyNonLocal()
    x = normal(1, 6, 5)
    mask = np.array([[True] * 4 + [False] * 2])
    expected = layer(x[:, :4])
    x[:, 4:] = np.nan
    assert_close(layer(x, mask=mask)[:, :4], expected)
