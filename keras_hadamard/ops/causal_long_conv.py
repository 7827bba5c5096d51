"""Causal convolution with kernels as long as the sequence."""

from keras_hadamard._core.checks import one_of, received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._long_conv import long_conv
from keras_hadamard.ops._shapes import static_shape


def causal_long_conv(x: Tensor, kernel: Tensor, *, method: str = "fft") -> Tensor:
    """Causal convolution `y_t = sum_s kernel_s x_(t - s)`, each channel with its own kernel.

    The cost for `n` steps is `n log n`, by real FFTs of at least twice the length, so that nothing
    wraps around. The gradient is analytic, two correlations by the same FFTs; it keeps only
    sequence and kernel, and transforms them again.

    Args:
        x: Float tensor of shape `(batch, length, channels)`.
        kernel: Float tensor of shape `(taps, channels)`, usually with as many taps as steps; the
            first one multiplies the present step.
        method: `"fft"`, or `"direct"` for a depthwise convolution, whose cost is `length * taps`
            and which needs a known number of taps. `serving.export_litert` and
            `serving.export_onnx` always write the direct form, as these formats have no FFT.
            Defaults to `"fft"`.

    Returns:
        Tensor of the shape of `x`.

    Numerics:
        Everything is float32 for float16 and bfloat16 input, and float64 for float64. With the FFT,
        the error of a step is some rounding errors of the largest step, not of the step itself.

    Raises:
        ValueError: If the shapes do not fit together, the channels are unknown, the method is
            unknown, or the dtypes are not one floating dtype.

    Example:

    >>> x = keras.ops.reshape(keras.ops.array([1.0, 0.0, 0.0, 2.0]), (1, 4, 1))
    >>> kernel = keras.ops.reshape(keras.ops.array([4.0, 3.0, 2.0, 1.0]), (4, 1))
    >>> y = keras_hadamard.ops.causal_long_conv(x, kernel)
    >>> [round(float(v), 5) for v in y[0, :, 0]]
    [4.0, 3.0, 2.0, 9.0]

    Reference:
        - [Hyena Hierarchy: Towards Larger Convolutional Language Models (Poli et al., 2023)](
          https://arxiv.org/abs/2302.10866)
    """
    one_of("method", method, ("fft", "direct"))
    shape, taps = static_shape(x), static_shape(kernel)
    if len(shape) != 3 or len(taps) != 2 or shape[2] is None or shape[2] != taps[1]:
        raise received(
            "`x` (batch, length, channels) and `kernel` (taps, channels) of known channels",
            x_shape=shape,
            kernel_shape=taps,
        )
    if 0 in (*shape[1:], *taps):
        expected = "at least one step, one tap and one channel"
        raise received(expected, x_shape=shape, kernel_shape=taps)
    return long_conv(x, kernel, centred=False, method=method)
