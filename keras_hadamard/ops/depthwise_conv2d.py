"""Depthwise convolution, fast in a plain graph and inside XLA."""

from typing import Any

from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._depthwise import depthwise_correlate
from keras_hadamard.ops._depthwise_lowerings import pads_of
from keras_hadamard.ops._shapes import static_shape


def depthwise_conv2d(
    x: Tensor, kernel: Tensor, *, strides: int = 1, padding: str = "same", dilation: int = 1
) -> Tensor:
    """Depthwise convolution of images, each channel with its own kernel.

    `y[h, w, c] = sum_ij kernel[i, j, c] x[s h + d i - p, s w + d j - q, c]`. `"same"` pads equally
    on both sides (with one more after the last pixel where the kernel's reach is odd), as the
    published networks do, for every stride; Keras and TensorFlow pad a strided convolution more at
    the end. The output has `ceil(size / strides)` pixels a side.

    Args:
        x: Float tensor `(batch, height, width, channels)`.
        kernel: Float tensor `(height, width, channels, 1)` or `(height, width, channels)`.
        strides: Integer, the step of both axes. Defaults to `1`.
        padding: `"same"` or `"valid"`. Defaults to `"same"`.
        dilation: Integer, the step between the kernel's taps on both axes. Defaults to `1`.

    Returns:
        Tensor `(batch, height', width', channels)`.

    Numerics:
        Float32 inside for float16 and bfloat16. In a plain graph TensorFlow's kernels compute the
        output and both gradients. Inside XLA on a CPU, where XLA's own convolution is many times
        slower, they are sums of shifted products; where a GPU or TPU is visible, XLA's own
        convolution is used, unless the input is placed on a CPU. The gradient keeps only input and
        kernel.

    Raises:
        ValueError: If a rank or the channels do not fit or are unknown, an option is out of range,
            or strides and dilation are both above one.

    Example:

    >>> x = keras.ops.reshape(keras.ops.arange(4.0), (1, 1, 4, 1))
    >>> y = keras_hadamard.ops.depthwise_conv2d(x, keras.ops.ones((1, 3, 1)))
    >>> [float(v) for v in keras.ops.ravel(y)]
    [1.0, 3.0, 6.0, 5.0]

    Reference:
        - [Xception: Deep Learning with Depthwise Separable Convolutions (Chollet, 2017)](
          https://arxiv.org/abs/1610.02357)
    """
    strides, dilation = positive_int("strides", strides), positive_int("dilation", dilation)
    if strides > 1 and dilation > 1:
        raise received("`strides` or `dilation` to be 1", strides=strides, dilation=dilation)
    one_of("padding", padding, ("same", "valid"))
    shape: Any = static_shape(x)
    size: Any = static_shape(kernel)
    _check(shape, size)
    if len(size) == 3:
        kernel = ops.expand_dims(kernel, -1)
    pads = pads_of(size[:2], padding, dilation)
    for n, taps, pad in zip(shape[1:3], size[:2], pads, strict=True):
        if n is not None and n + sum(pad) <= dilation * (taps - 1):
            raise received("an image not smaller than the kernel", shape=shape, kernel_shape=size)
    return depthwise_correlate(x, kernel, strides=strides, padding=padding, dilation=dilation)


def _check(shape: Any, size: Any) -> None:
    fits = len(shape) == 4 and (len(size) == 3 or (len(size) == 4 and size[3] == 1))
    if not fits or None in size or 0 in size or shape[3] != size[2]:
        raise received(
            "`x` (batch, height, width, channels) and `kernel` (height, width, channels[, 1])",
            shape=shape,
            kernel_shape=size,
        )
