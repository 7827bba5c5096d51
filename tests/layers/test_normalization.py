"""The normalisations of the published networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard.layers._centered import CenteredConv2D, CenteredMaxPooling2D
from keras_hadamard.layers._normalization import (
    KINDS,
    BatchNormalization,
    InstanceBatchNormalization,
    IterativeNormalization,
    normalization,
)


@pytest.fixture(autouse=True)
def _float64():
    keras.config.set_dtype_policy("float64")


def images(channels=3, seed=0):
    return np.random.default_rng(seed).normal(2.0, 3.0, size=(4, 5, 6, channels))


def test_running_variance_is_unbiased_and_the_rest_is_keras():
    ours = BatchNormalization()
    keras_own = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    x = images()
    np.testing.assert_allclose(ours(x, training=True), keras_own(x, training=True), rtol=1e-12)
    np.testing.assert_allclose(ours.moving_mean, 0.1 * x.mean((0, 1, 2)))
    np.testing.assert_allclose(ours.moving_variance, 0.9 + 0.1 * x.var((0, 1, 2), ddof=1))
    keras_own.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), keras_own(x), rtol=1e-12)


def test_frozen_and_masked_it_is_keras():
    layer = BatchNormalization()
    layer(images())
    layer.trainable = False
    before = layer.get_weights()
    layer(images(), training=True)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    rows = np.random.default_rng(0).normal(size=(2, 4, 3))
    mask = np.array([[True, True, False, False]] * 2)
    keras_own = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    expected = keras_own(rows, training=True, mask=mask)
    np.testing.assert_array_equal(layer_of(rows, mask), expected)


def layer_of(rows, mask):
    return BatchNormalization()(rows, training=True, mask=mask)


def test_statistics_survive_float16():
    keras.config.set_dtype_policy("mixed_float16")
    # The sum of squares is far above what float16 holds.
    x = np.random.default_rng(0).normal(0, 300, size=(64, 16, 16, 2)).astype("float16")
    y = BatchNormalization()(x, training=True)
    assert y.dtype == "float16"
    # The output is float16, rounded to 5e-4 of each value.
    np.testing.assert_allclose(np.asarray(y, "float64").std((0, 1, 2)), 1, rtol=5e-4)


def test_instance_batch_normalises_each_part_its_own_way():
    x = images(channels=10)
    y = np.asarray(InstanceBatchNormalization(0.8)(x, training=True))
    np.testing.assert_allclose(y[..., :8].mean((1, 2)), 0, atol=1e-10)
    np.testing.assert_allclose(y[..., 8:].mean((0, 1, 2)), 0, atol=1e-10)
    assert np.abs(y[..., 8:].mean((1, 2))).max() > 1e-3


def test_iterative_whitens_and_remembers():
    layer = IterativeNormalization(group_size=4, iterations=12)
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 6)) + 2 * np.eye(6)
    x = rng.normal(size=(64, 8, 8, 6)) @ mix
    y = np.asarray(layer(x, training=True)).reshape(-1, 6)
    assert (layer.groups, layer.group_width) == (3, 2)
    covariance = y.T @ y / len(y)
    for group in range(3):
        part = slice(2 * group, 2 * group + 2)
        # The epsilon on the diagonal, against eigenvalues of about one, is what is left.
        np.testing.assert_allclose(covariance[part, part], np.eye(2), atol=1e-4)
    for _ in range(200):
        layer(x, training=True)
    np.testing.assert_allclose(np.asarray(layer(x)).reshape(-1, 6), y, rtol=1e-6, atol=1e-6)


def test_iterative_equals_the_newton_iteration():
    layer = IterativeNormalization()
    x = images(channels=5)
    y = np.asarray(layer(x, training=True))
    flat = x.reshape(-1, 5)
    mean = flat.mean(0)
    covariance = np.cov(flat.T, bias=True) + 1e-5 * np.eye(5)
    trace = np.trace(covariance)
    p = np.eye(5)
    for _ in range(5):
        p = 1.5 * p - 0.5 * np.linalg.matrix_power(p, 3) @ covariance / trace
    whitening = p / np.sqrt(trace)
    np.testing.assert_allclose(y.reshape(-1, 5), (flat - mean) @ whitening.T, rtol=1e-10)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean)
    np.testing.assert_allclose(layer.moving_whitening[0], 0.9 * np.eye(5) + 0.1 * whitening)


@pytest.mark.parametrize("kind", KINDS)
def test_by_name_and_saved(kind, tmp_path):
    x = keras.Input((5, 6, 10))
    model = keras.Model(x, normalization(kind, "norm", policy="float64")(x))
    model(images(10), training=True)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(model(images(10)), again(images(10)))


@pytest.mark.parametrize(("size", "strides"), [(3, 2), (7, 2), (5, 3), (1, 2), (3, 1)])
@pytest.mark.parametrize("side", [7, 8])
def test_centred_windows(size, strides, side):
    x = np.random.default_rng(0).normal(-5, 1, size=(1, side, side, 2))
    half = (size - 1) // 2
    conv = CenteredConv2D(3, size, strides, padding="same")
    y = np.asarray(conv(x))
    padded = np.pad(x, ((0, 0), (half, half), (half, half), (0, 0)))
    expected = tf.nn.conv2d(padded, conv.kernel, strides, "VALID")
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    assert conv.compute_output_shape(x.shape) == y.shape
    pool = CenteredMaxPooling2D(size, strides)
    lowest = np.pad(x, ((0, 0), (half, half), (half, half), (0, 0)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(lowest, (size, size), axis=(1, 2))
    expected = windows.max((-2, -1))[:, ::strides, ::strides]
    np.testing.assert_array_equal(pool(x), expected)
    assert pool.compute_output_shape(x.shape) == pool(x).shape


def test_centred_windows_refuse_even_kernels_with_strides():
    with pytest.raises(ValueError, match="odd kernels"):
        CenteredConv2D(3, 4, 2, padding="same")(images())
