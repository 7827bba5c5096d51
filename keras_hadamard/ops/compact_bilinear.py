"""The circular convolution of two sketches: the sketch of their outer product."""

import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops import _fourier
from keras_hadamard.ops._broadcast import sum_to
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._shapes import compatible, static_shape

# Widths up to which the terms are added up as they are.
DIRECT = 32


def compact_bilinear(x: Tensor, y: Tensor, *, sum_axis: int | None = None) -> Tensor:
    """Circular convolution `z_k = sum_j x_j y_((k - j) mod d)` of the last axes, by real FFT.

    For two count sketches it is the count sketch of their outer product (tensor sketch). A sum over
    positions is taken between the transforms: the inverse one is linear, and runs once.

    Args:
        x: Float tensor of shape `(..., d)`.
        y: Float tensor with the rank and last axis of `x`; the other axes may be broadcast.
        sum_axis: Integer, an axis before the last, equally long in `x` and `y`, over which the
            convolutions are summed. Defaults to `None`, no sum.

    Returns:
        Tensor of the broadcast shape of `x` and `y`, without `sum_axis`.

    Numerics:
        The transforms are float32 for float16 and bfloat16 input, and float64 for float64. Up to
        `d = 32` the terms are added up without transforms, so that what no pair of entries reaches
        is 0 and not rounding, which a root would magnify. LiteRT and ONNX have no FFT: there each
        longer one is three products with matrices, of the two factors of `d` that are nearest to
        each other.

    Raises:
        ValueError: If the shapes do not fit together, the last axis is unknown, `sum_axis` is no
            axis before it, or the dtypes are not one floating dtype.

    Example:

    >>> x = keras.ops.array([[0.0, 1.0, 0.0, 0.0]])
    >>> y = keras.ops.array([[1.0, 2.0, 3.0, 4.0]])
    >>> [round(float(v), 5) for v in keras_hadamard.ops.compact_bilinear(x, y)[0]]
    [4.0, 1.0, 2.0, 3.0]

    Reference:
        - [Compact Bilinear Pooling (Gao et al., 2016)](https://arxiv.org/abs/1511.06062)
        - [Multimodal Compact Bilinear Pooling (Fukui et al., 2016)](
          https://arxiv.org/abs/1606.01847)
    """
    x_shape, y_shape = static_shape(x), static_shape(y)
    rank = len(x_shape)
    fits = rank == len(y_shape) and rank and x_shape[-1] and x_shape[-1] == y_shape[-1]
    if not fits or not all(
        1 in pair or compatible(pair[:1], pair[1:]) for pair in zip(x_shape, y_shape, strict=True)
    ):
        raise received(
            "`x` and `y` with the same known last axis and shapes that broadcast",
            x_shape=x_shape,
            y_shape=y_shape,
        )
    if sum_axis is not None:
        if not isinstance(sum_axis, int) or sum_axis not in (*range(-rank, -1), *range(rank - 1)):
            raise received(f"`sum_axis` to be an axis before the last of {rank}", sum_axis=sum_axis)
        sum_axis %= rank
        if not compatible((x_shape[sum_axis],), (y_shape[sum_axis],)):
            raise received(
                f"`x` and `y` to be equally long along sum_axis={sum_axis}",
                x_shape=x_shape,
                y_shape=y_shape,
            )
    return _compact_bilinear(x, y, sum_axis=sum_axis)


def _transform(x: Tensor) -> Tensor:
    return tf.signal.rfft(tf.cast(x, accumulation_dtype(x.dtype)))


def _inverse(spectrum: Tensor, like: Tensor) -> Tensor:
    return tf.cast(tf.signal.irfft(spectrum, [like.shape[-1]]), like.dtype)


def _gradient(
    upstream: Tensor, z: Tensor, x: Tensor, y: Tensor, *, sum_axis: int | None
) -> tuple[Tensor, Tensor]:
    del z
    spectrum, spectrum_x, spectrum_y = _transform(upstream), _transform(x), _transform(y)
    if sum_axis is not None:
        spectrum = tf.expand_dims(spectrum, sum_axis)
    # The adjoint of a convolution is the correlation with the other factor. What was broadcast is
    # summed between the transforms too.
    return (
        _inverse(sum_to(spectrum * tf.math.conj(spectrum_y), spectrum_x), x),
        _inverse(sum_to(spectrum * tf.math.conj(spectrum_x), spectrum_y), y),
    )


def _direct(x: Tensor, y: Tensor, sum_axis: int | None) -> Tensor:
    """Row `j` of a table is `y` moved by `j`; `z` is `x` times the table."""
    size, dtype = x.shape[-1], accumulation_dtype(x.dtype)
    wide_x, wide_y = tf.cast(x, dtype), tf.cast(y, dtype)
    moved = (np.arange(size) - np.arange(size)[:, None]) % size
    if sum_axis is None:
        table = tf.gather(wide_y, moved, axis=-1)
        return tf.cast(tf.matmul(wide_x[..., None, :], table)[..., 0, :], x.dtype)
    # Products are summed over the axis first, or each place of it would have a table.
    order = [axis for axis in range(len(x.shape)) if axis != sum_axis]
    order.insert(-1, sum_axis)
    products = tf.matmul(tf.transpose(wide_x, order), tf.transpose(wide_y, order), transpose_a=True)
    flat = tf.reshape(products, tf.concat([tf.shape(products)[:-2], [size * size]], 0))
    places = np.arange(size)[:, None] * size + moved
    return tf.cast(tf.reduce_sum(tf.gather(flat, places, axis=-1), -2), x.dtype)


def _by_products(x: Tensor, y: Tensor, *, sum_axis: int | None) -> Tensor:
    if x.shape[-1] <= DIRECT:
        return _direct(x, y, sum_axis)
    table_x, table_y = (_fourier.transform(tf.cast(t, accumulation_dtype(t.dtype))) for t in (x, y))
    table = _fourier.times(table_x, table_y)
    if sum_axis is not None:
        table = tf.reduce_sum(table[0], sum_axis), tf.reduce_sum(table[1], sum_axis)
    return tf.cast(_fourier.inverse(table), x.dtype)


@custom_op(gradient=_gradient, portable=_by_products)
def _compact_bilinear(x: Tensor, y: Tensor, *, sum_axis: int | None) -> Tensor:
    if x.shape[-1] <= DIRECT:
        return _direct(x, y, sum_axis)
    spectrum = _transform(x) * _transform(y)
    if sum_axis is not None:
        spectrum = tf.reduce_sum(spectrum, sum_axis)
    return _inverse(spectrum, x)
