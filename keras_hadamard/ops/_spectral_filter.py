"""A filter as large as the image: a product of spectra, which is a circular convolution.

The filter and its two adjoints are one trilinear form, so the gradient of each consists of the
other. A spectrum (2, channels, rows, columns) holds real and imaginary parts of the frequencies
that a real image has, half of all columns plus one.
"""

from typing import Any

import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._fourier import conjugate, times, transposed, waves
from keras_hadamard.ops._shapes import axis_size


def _grads(upstream: Tensor, y: Tensor, x: Tensor, spectrum: Tensor) -> Any:
    del y
    return spectral_filter(upstream, _conjugate(spectrum)), spectral_products(x, upstream)


def _grads_of_products(upstream: Tensor, y: Tensor, x: Tensor, g: Tensor) -> Any:
    del y
    return spectral_filter(g, _conjugate(upstream)), spectral_filter(x, upstream)


def _by_products(x: Tensor, spectrum: Tensor) -> Tensor:
    """The same without FFT, for a known size of image."""
    rows, width = x.shape[1:3]
    if rows is None or width is None:
        raise received(
            "images of known size, which a filter without FFT needs",
            shape=tuple(x.shape),
        )
    wide = accumulation_dtype(x.dtype)
    columns = width // 2 + 1
    # Rows go last, and columns, then rows, are transformed by a matrix on the right.
    image = tf.transpose(tf.cast(x, wide), (0, 3, 1, 2))
    (cos, sin), turns = waves(width, columns, width, wide), waves(rows, rows, rows, wide)
    pair = transposed((tf.matmul(image, cos), -tf.matmul(image, sin)))
    parts = tf.linalg.matrix_transpose(tf.cast(spectrum, wide))
    product = times(times(pair, conjugate(turns), tf.matmul), (parts[0], parts[1]))
    real, imaginary = transposed(times(product, turns, tf.matmul))
    count = _count(width, columns, wide) / (rows * width)
    cos, sin = (tf.linalg.matrix_transpose(count * wave) for wave in (cos, sin))
    y = tf.matmul(real, cos) - tf.matmul(imaginary, sin)
    return tf.cast(tf.transpose(y, (0, 2, 3, 1)), x.dtype)


def _count(width: Any, columns: Any, dtype: Any) -> Tensor:
    """How often each frequency of the spectrum occurs in a real image."""
    column = tf.range(columns)
    alone = (column == 0) | (2 * column == width)
    return tf.cast(tf.where(alone, 1, 2), dtype)


@custom_op(gradient=_grads, portable=_by_products)
def spectral_filter(x: Tensor, spectrum: Tensor) -> Tensor:
    """`irfft2(rfft2(x) * spectrum)` of images (batch, height, width, channels)."""
    parts = tf.cast(spectrum, accumulation_dtype(spectrum.dtype))
    product = _transform(x) * tf.complex(parts[0], parts[1])
    y = tf.signal.irfft2d(product, [axis_size(x, 1), axis_size(x, 2)])
    return tf.cast(tf.transpose(y, (0, 2, 3, 1)), x.dtype)


@custom_op(gradient=_grads_of_products)
def spectral_products(x: Tensor, g: Tensor) -> Tensor:
    """The factors of the spectrum in `sum(g * spectral_filter(x, spectrum))`."""
    product = tf.reduce_sum(tf.math.conj(_transform(x)) * _transform(g), 0)
    products = tf.stack([tf.math.real(product), tf.math.imag(product)])
    rows, width = axis_size(x, 1), axis_size(x, 2)
    count = _count(width, width // 2 + 1, products.dtype) / tf.cast(rows * width, products.dtype)
    return tf.cast(products * count, x.dtype)


def _transform(x: Tensor) -> Tensor:
    x = tf.cast(x, accumulation_dtype(x.dtype))
    return tf.signal.rfft2d(tf.transpose(x, (0, 3, 1, 2)))


def _conjugate(spectrum: Tensor) -> Tensor:
    signs = tf.constant((1, -1), spectrum.dtype)
    return spectrum * tf.reshape(signs, (2, 1, 1, 1))
