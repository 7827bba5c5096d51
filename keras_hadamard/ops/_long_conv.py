"""Convolution of sequences with kernels as long as they are, each channel with its own.

`x` is (batch, length, channels) and `kernel` (taps, channels). The first tap multiplies the present
step; if `centred`, the middle one does, and those before it multiply future steps.
"""

from typing import Any

import tensorflow as tf
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._depthwise import depthwise_correlate
from keras_hadamard.ops._shapes import axis_size


def long_conv(x: Tensor, kernel: Tensor, *, centred: bool, method: str) -> Tensor:
    """The convolution by FFT, or directly, as a depthwise convolution of an image of width one."""
    # XLA refuses an FFT of length zero.
    if method == "fft" and x.shape[0] != 0:
        return _long_conv(x, kernel, centred=centred)
    return _direct(x, kernel, centred=centred)


def _direct(x: Tensor, kernel: Tensor, *, centred: bool) -> Tensor:
    taps = kernel.shape[0]
    if taps is None:
        raise received(
            "a known number of taps, which a convolution without FFT needs",
            kernel_shape=tuple(kernel.shape),
        )
    later = (taps - 1) // 2 if centred else 0
    image = ops.pad(x, ((0, 0), (taps - 1 - later, later), (0, 0)))[:, :, None]
    turned = ops.flip(kernel, 0)[:, None, :, None]
    how = {"strides": 1, "padding": "valid", "dilation": 1}
    return depthwise_correlate(image, turned, **how)[:, :, 0]


def _gradient(
    upstream: Tensor, y: Tensor, x: Tensor, kernel: Tensor, *, centred: bool
) -> tuple[Tensor, Tensor]:
    del y
    size, later = _size(x, kernel, centred)
    # The range of the outputs in the whole convolution.
    moved = tf.pad(upstream, ((0, 0), (later, 0), (0, 0)))
    spectrum = _transform(moved, size)
    # The adjoint of a convolution is the correlation with the other factor. Both transforms are
    # taken again: kept, the two spectra would be four times as large as the sequence.
    grad_x = spectrum * tf.math.conj(_transform(kernel, size))
    grad_kernel = tf.reduce_sum(spectrum * tf.math.conj(_transform(x, size)), 0)
    return _inverse(grad_x, size, 0, x), _inverse(grad_kernel, size, 0, kernel)


@custom_op(gradient=_gradient, portable=_direct)
def _long_conv(x: Tensor, kernel: Tensor, *, centred: bool) -> Tensor:
    size, later = _size(x, kernel, centred)
    spectrum = _transform(x, size) * _transform(kernel, size)
    return _inverse(spectrum, size, later, x)


def _size(x: Tensor, kernel: Tensor, centred: bool) -> tuple[Any, Any]:
    """A size of the FFT in which nothing wraps around into the outputs, and where they begin."""
    length, taps = axis_size(x, 1), axis_size(kernel, 0)
    later = (taps - 1) // 2 if centred else 0
    return _smooth(length + taps - later), later


def _smooth(size: Any) -> Any:
    """The next even size without large factors, which would make an FFT slow."""
    if not isinstance(size, int):
        return size + size % 2
    fives = [5**k for k in range(size.bit_length())]
    products = [p * 3**k for p in fives if p <= size for k in range(size.bit_length())]
    return min(2 * p << max(0, (-(-size // (2 * p)) - 1).bit_length()) for p in products)


def _transform(x: Tensor, size: Any) -> Tensor:
    wide = tf.cast(x, accumulation_dtype(x.dtype))
    return tf.signal.rfft(tf.linalg.matrix_transpose(wide), [size])


def _inverse(spectrum: Tensor, size: Any, start: Any, like: Tensor) -> Tensor:
    y = tf.linalg.matrix_transpose(tf.signal.irfft(spectrum, [size]))
    length = axis_size(like, -2)
    y = tf.cast(y[..., start : start + length, :], like.dtype)
    return tf.ensure_shape(y, like.shape)
