"""Portable traces have the numbers of the FFT, and neither FFT nor complex ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import assert_near

from keras_hadamard.ops import _fourier, _portable, causal_long_conv, compact_bilinear
from keras_hadamard.ops._long_conv import long_conv
from keras_hadamard.ops._spectral_filter import spectral_filter

TOLERANCES = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-12), ("float32", 4e-6)]
)


def normal(*shape, dtype="float64", seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), dtype)


def both(op, *tensors, **options):
    """The numbers of the usual form and of products, each traced again, and the latter's ops."""

    def traced():
        function = tf.function(lambda *args: op(*args, **options), autograph=False)
        return function.get_concrete_function(*tensors)

    usual = traced()
    with _portable.portable_ops():
        products = traced()
    assert any("FFT" in op.type for op in usual.graph.get_operations())
    plain(products)
    return usual(*tensors), products(*tensors)


def plain(function):
    found = function.graph.get_operations()
    assert not [op.name for op in found if "FFT" in op.type]
    assert not [op.name for op in found for y in op.outputs if y.dtype.is_complex]


@TOLERANCES
@pytest.mark.parametrize("length", [1, 2, 3, 4, 6, 13, 15, 16, 97, 240])
def test_transforms_there_and_back(length, dtype, tolerance):
    x = normal(2, length, dtype=dtype)
    real, imaginary = (part.numpy() for part in _fourier.transform(x))
    few, many = real.shape[1:]
    assert few * many == length and few <= many
    # Frequency k_1 + few * k_2 stands at (k_1, k_2).
    expected = np.fft.fft(x.numpy()).reshape(2, many, few).swapaxes(1, 2)
    assert_near(real, expected.real, tolerance)
    assert_near(imaginary, expected.imag, tolerance)
    assert_near(_fourier.inverse((real, imaginary)), x, tolerance)


@TOLERANCES
@pytest.mark.parametrize("width", [33, 36, 37, 49, 60])
@pytest.mark.parametrize("sum_axis", [None, 1])
def test_circular_convolutions(width, sum_axis, dtype, tolerance):
    x, y = normal(2, 3, width, dtype=dtype), normal(1, 3, width, dtype=dtype, seed=1)
    usual, products = both(compact_bilinear, x, y, sum_axis=sum_axis)
    assert products.dtype == dtype
    assert_near(products, usual, tolerance)


@TOLERANCES
@pytest.mark.parametrize("width", [1, 2, 7, 9, 12, 31, 32])
@pytest.mark.parametrize("sum_axis", [None, 1])
def test_short_circular_convolutions(width, sum_axis, dtype, tolerance):
    """Their terms are added up, in all forms alike."""
    x, y = normal(2, 3, width, dtype=dtype), normal(1, 3, width, dtype=dtype, seed=1)
    found = compact_bilinear(x, y, sum_axis=sum_axis)
    assert found.dtype == dtype
    expected = np.zeros((2, 3, width))
    for i in range(width):
        for j in range(width):
            product = np.asarray(x)[..., i].astype("float64") * np.asarray(y)[..., j]
            expected[..., (i + j) % width] += product
    assert_near(found, expected if sum_axis is None else expected.sum(1), tolerance)


@TOLERANCES
@pytest.mark.parametrize(("length", "taps"), [(1, 1), (7, 7), (12, 5), (9, 17)])
@pytest.mark.parametrize("centred", [False, True])
def test_long_convolutions(length, taps, centred, dtype, tolerance):
    x, kernel = normal(2, length, 3, dtype=dtype), normal(taps, 3, dtype=dtype, seed=1)
    usual, products = both(long_conv, x, kernel, centred=centred, method="fft")
    assert_near(products, usual, tolerance)


@TOLERANCES
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (4, 6), (5, 7), (3, 8)])
def test_filters_of_images(size, dtype, tolerance):
    x = normal(2, *size, 3, dtype=dtype)
    spectrum = normal(2, 3, size[0], size[1] // 2 + 1, dtype=dtype, seed=1)
    usual, products = both(spectral_filter, x, spectrum)
    assert_near(products, usual, tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_float32_inside(dtype):
    x, y = (tf.ones((1, 3000), dtype) for _ in range(2))
    _, products = both(compact_bilinear, x, y)
    assert products.dtype == dtype
    assert_near(products, np.full((1, 3000), 3000.0), 4e-3)


def test_eager_calls_do_not_mix_the_forms():
    x, y = normal(2, 44), normal(2, 44, seed=1)

    def within():
        with _portable.portable_ops():
            return compact_bilinear(x, y).numpy()

    # Of one shape, which the usual form is compiled for and kept.
    first = within()
    usual = compact_bilinear(x, y).numpy()
    np.testing.assert_array_equal(within(), first)
    np.testing.assert_array_equal(compact_bilinear(x, y), usual)
    assert np.abs(first - usual).max() > 0
    assert_near(first, usual, 1e-12)


def test_nodes_of_functional_models():
    inputs = keras.Input((6, 4))
    kernel = normal(6, 4, dtype="float32")
    model = keras.Model(inputs, compact_bilinear(causal_long_conv(inputs, kernel), inputs))
    usual, products = both(model, normal(2, 6, 4, dtype="float32", seed=1))
    assert_near(products, usual, 4e-6)


def test_the_error_ends_the_scope():
    with pytest.raises(RuntimeError, match="stop"), _portable.portable_ops():
        assert _portable.tracing_portable()
        raise RuntimeError("stop")
    assert not _portable.tracing_portable()


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (causal_long_conv, ((None, None, 3), (None, 3)), "known number of taps"),
        (spectral_filter, ((None, None, 4, 3), (2, 3, 4, 3)), "known size"),
    ],
)
def test_sizes_are_known(op, shapes, message):
    function = tf.function(op, [tf.TensorSpec(shape) for shape in shapes], autograph=False)
    with _portable.portable_ops(), pytest.raises(ValueError, match=message):
        function.get_concrete_function()
