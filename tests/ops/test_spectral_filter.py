"""spectral_filter against numpy's transforms and a circular convolution, and its adjoints."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import MODES, assert_near, check_forward, check_gradients, check_symbolic

from keras_hadamard.ops._spectral_filter import spectral_filter, spectral_products

SIZES = [(4, 6), (5, 3), (3, 5), (1, 1), (2, 1)]  # Odd widths have no Nyquist frequency.


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def tensors(height, width, channels=2, batch=2):
    x = normal(batch, height, width, channels)
    return x, normal(2, channels, height, width // 2 + 1, seed=1)


def reference(x, spectrum):
    z = np.fft.rfft2(x, axes=(1, 2)) * np.moveaxis(spectrum[0] + 1j * spectrum[1], 0, -1)
    return np.fft.irfft2(z, x.shape[1:3], axes=(1, 2))


@pytest.mark.parametrize("size", SIZES)
def test_equals_the_transforms_with_gradients(size):
    x, spectrum = tensors(*size)
    check_forward(spectral_filter, (x, spectrum), reference(x, spectrum))
    check_gradients(spectral_filter, (x, spectrum))


def test_the_adjoint_has_gradients():
    x, _ = tensors(4, 6, batch=1)
    check_gradients(spectral_products, (x, normal(*x.shape, seed=2)))


def test_is_a_circular_convolution():
    x, _ = tensors(5, 4, channels=1, batch=1)
    kernel = normal(5, 4, seed=3)
    z = np.fft.rfft2(kernel)
    y = spectral_filter(x, np.stack([z.real, z.imag])[:, None])
    expected = sum(
        kernel[i, j] * np.roll(x, (i, j), axis=(1, 2)) for i in range(5) for j in range(4)
    )
    assert_near(y, expected, 1e-12)


def test_sizes_may_be_unknown():
    x, spectrum = tensors(4, 6)
    unknown = tf.TensorSpec((None, None, None, 2), "float64")

    def run(x, spectrum):
        with tf.GradientTape() as tape:
            tape.watch((x, spectrum))
            y = spectral_filter(x, spectrum)
        return y, *tape.gradient(y, (x, spectrum))

    signature = unknown, tf.TensorSpec((2, 2, None, None), "float64")
    traced = tf.function(run, input_signature=signature)
    eager = run(tf.constant(x), tf.constant(spectrum))
    for one, other in zip(traced(x, spectrum), eager, strict=True):
        assert_near(one, other, 1e-12)


def test_symbolic(tmp_path):
    check_symbolic(spectral_filter, tensors(4, 4), tmp_path)


def test_every_mode_gives_one_result():
    x, spectrum = (tf.constant(t, "float32") for t in tensors(6, 4))
    results = [wrap(spectral_filter)(x, spectrum) for wrap in MODES.values()]
    for result in results:
        assert_near(result, results[0], 2e-6)
