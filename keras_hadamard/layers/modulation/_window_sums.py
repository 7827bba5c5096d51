"""Sums over windows, cheaper than a convolution with ones."""

import math
from collections.abc import Sequence

from keras import ops

from keras_hadamard._core.typing import Tensor

Sizes = tuple[int, ...]


def window_sums(x: Tensor, size: Sizes, strides: Sizes, dilation: Sizes) -> Tensor:
    """The sums over all windows inside of `(batch, height, width)`.

    On a CPU XLA convolves a single channel many times slower than a plain graph does, and these two
    are faster than both.
    """
    if max(strides) > 1:
        # Shifted sums with strides would be gathered pixel by pixel.
        x = ops.expand_dims(x, -1)
        means = ops.average_pool(x, size, strides, "valid", data_format="channels_last")
        return math.prod(size) * ops.squeeze(means, -1)
    for axis, (taps, step) in enumerate(zip(size, dilation, strict=True)):
        x = _shifted_sum(x, axis, range(0, step * (taps - 1) + 1, step))
    return x


def _shifted_sum(x: Tensor, axis: int, shifts: Sequence[int]) -> Tensor:
    ends = [(shift, shift - shifts[-1] or None) for shift in shifts]
    return sum(x[:, a:b] if axis == 0 else x[:, :, a:b] for a, b in ends)
