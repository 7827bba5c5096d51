"""Depthwise convolution and its two adjoints.

The three are one trilinear form, so the gradient of each consists of the other two. `strides` and
`dilation` hold for both axes.
"""

from typing import Any

import tensorflow as tf

from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._custom_op import custom_op
from keras_hadamard.ops._depthwise_lowerings import (
    Size,
    flipped,
    named_padding,
    native,
    pads_of,
    raw_padding,
    shifted,
    size_of,
    to_kernel_by_rows,
    to_kernel_native,
)
from keras_hadamard.ops._xla import compiles_for_cpu


def _grads(upstream: Tensor, y: Tensor, x: Tensor, kernel: Tensor, **how: Any) -> Any:
    del y
    return (
        depthwise_to_input(upstream, kernel, x, **how),
        depthwise_to_kernel(upstream, x, size=size_of(kernel), **how),
    )


def _grads_to_input(
    upstream: Tensor, y: Tensor, g: Tensor, kernel: Tensor, x: Tensor, **how: Any
) -> Any:
    del y
    return (
        depthwise_correlate(upstream, kernel, **how),
        depthwise_to_kernel(g, upstream, size=size_of(kernel), **how),
        tf.zeros_like(x),
    )


def _grads_to_kernel(
    upstream: Tensor, y: Tensor, g: Tensor, x: Tensor, *, size: Size, **how: Any
) -> Any:
    del y, size
    return depthwise_correlate(x, upstream, **how), depthwise_to_input(g, upstream, x, **how)


def _correlate_in_xla(
    x: Tensor, kernel: Tensor, *, strides: int, padding: str, dilation: int
) -> Tensor:
    lowering = shifted if compiles_for_cpu(x) else native
    return lowering(x, kernel, pads_of(size_of(kernel), padding, dilation), strides, dilation)


@custom_op(gradient=_grads, xla=_correlate_in_xla)
def depthwise_correlate(
    x: Tensor, kernel: Tensor, *, strides: int, padding: str, dilation: int
) -> Tensor:
    # The output of TensorFlow's kernel for an empty batch is as large as its input.
    lowering = shifted if x.shape[0] == 0 else native
    return lowering(x, kernel, pads_of(size_of(kernel), padding, dilation), strides, dilation)


def _to_input_in_xla(
    g: Tensor, kernel: Tensor, x: Tensor, *, strides: int, padding: str, dilation: int
) -> Tensor:
    if not compiles_for_cpu(x):
        return _to_input_native(g, kernel, x, strides, padding, dilation)
    return flipped(shifted, g, kernel, x, strides, padding, dilation)


@custom_op(gradient=_grads_to_input, xla=_to_input_in_xla)
def depthwise_to_input(
    g: Tensor, kernel: Tensor, x: Tensor, *, strides: int, padding: str, dilation: int
) -> Tensor:
    """Only the shape of `x` matters: with strides, `g` does not determine it."""
    return _to_input_native(g, kernel, x, strides, padding, dilation)


def _to_input_native(
    g: Tensor, kernel: Tensor, x: Tensor, strides: int, padding: str, dilation: int
) -> Tensor:
    if dilation > 1:
        return flipped(native, g, kernel, x, strides, padding, dilation)
    wide, kernel = upcast(g, kernel)
    size = size_of(kernel)
    grad = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=tf.shape(x),
        filter=kernel,
        out_backprop=wide,
        strides=(1, strides, strides, 1),
        **raw_padding(named_padding(size, pads_of(size, padding, dilation), strides)),
    )
    return tf.cast(grad, g.dtype)


def _to_kernel_in_xla(
    g: Tensor, x: Tensor, *, size: Size, strides: int, padding: str, dilation: int
) -> Tensor:
    lowering = to_kernel_by_rows if compiles_for_cpu(x) else to_kernel_native
    return lowering(g, x, size, pads_of(size, padding, dilation), strides, dilation)


@custom_op(gradient=_grads_to_kernel, xla=_to_kernel_in_xla)
def depthwise_to_kernel(
    g: Tensor, x: Tensor, *, size: Size, strides: int, padding: str, dilation: int
) -> Tensor:
    """For a kernel of height and width `size`."""
    return to_kernel_native(g, x, size, pads_of(size, padding, dilation), strides, dilation)
