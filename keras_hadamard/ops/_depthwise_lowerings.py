"""Lowerings of a depthwise convolution and its adjoints: TensorFlow's kernels, or sums of shifted
products.

On a CPU, XLA lowers a depthwise convolution to a slow loop; a sum of shifted products fuses into a
vectorised one instead. `pads` are ((top, bottom), (left, right)).
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._shapes import axis_size, ceil_div
from keras_hadamard.ops._xla import materialize

Size = tuple[int, int]
Pads = tuple[Size, Size]
# (x, kernel, pads, strides, dilation) -> convolution.
Lowering = Callable[[Tensor, Tensor, Pads, int, int], Tensor]
# Products in one fused step of the kernel's gradient, found by measuring: with fewer, the running
# sums travel more; with more, they do not stay in registers.
STEP, WIDEST = 28, 64
# Taps of the kernel in one fused sum: with many more, XLA does not vectorise it.
TAPS = 49


def pads_of(size: Any, padding: str, dilation: int) -> Pads:
    totals = [dilation * (n - 1) if padding == "same" else 0 for n in size]
    first, second = ((total // 2, total - total // 2) for total in totals)
    return first, second


def size_of(kernel: Tensor) -> Size:
    return kernel.shape[0], kernel.shape[1]


def native(x: Tensor, kernel: Tensor, pads: Pads, strides: int, dilation: int) -> Tensor:
    wide, kernel = upcast(x, kernel)
    padding = named_padding(size_of(kernel), pads, strides)
    if dilation > 1:
        wide, padding = _pad(wide, pads), "VALID"
    steps, dilations = (1, strides, strides, 1), (dilation, dilation)
    return tf.cast(
        tf.nn.depthwise_conv2d(wide, kernel, steps, padding, dilations=dilations), x.dtype
    )


def shifted(x: Tensor, kernel: Tensor, pads: Pads, strides: int, dilation: int) -> Tensor:
    wide, kernel = upcast(x, kernel)
    wide, kernel = _pad(wide, pads), kernel[..., 0]
    height, width = size_of(kernel)
    # The extent of the pixels that one tap is multiplied by.
    below = axis_size(wide, 1) - dilation * (height - 1)
    right = axis_size(wide, 2) - dilation * (width - 1)

    sides = [ceil_div(n, strides) for n in (below, right)]
    batch, across, channels = axis_size(wide, 0), axis_size(wide, 2), wide.shape[-1]
    none = tf.zeros((batch, *sides, channels), wide.dtype)

    def products(seen: Tensor, kernel: Tensor, total: Any, *spans: Any) -> Tensor:
        for i in range(kernel.shape[0]):
            for j in range(width):
                top, left = dilation * i, dilation * j
                met = seen[:, top : top + spans[0] : strides, left : left + spans[1] : strides]
                total = total + met * kernel[i, j]
        return total

    if height * width <= TAPS:
        total = materialize(
            lambda: products(wide, kernel, 0.0, below, right), none, kernel[0, 0, 0]
        )
        return tf.cast(total, x.dtype)
    rows = max(1, TAPS // width)
    turns = -(-height // rows)
    more = turns * rows - height
    kernel = tf.pad(kernel, ((0, more), (0, 0), (0, 0)))
    wide = _pad(wide, ((0, dilation * more), (0, 0)))
    span = below + dilation * (rows - 1)

    def step(turn: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        seen = tf.slice(wide, (0, turn * rows * dilation, 0, 0), (batch, span, across, channels))
        taps = tf.slice(kernel, (turn * rows, 0, 0), (rows, width, channels))
        return turn + 1, products(seen, taps, total, below, right)

    loop = tf.while_loop(lambda turn, _: turn < turns, step, (0, none), maximum_iterations=turns)
    return tf.cast(loop[1], x.dtype)


def flipped(
    lowering: Lowering,
    g: Tensor,
    kernel: Tensor,
    x: Tensor,
    strides: int,
    padding: str,
    dilation: int,
) -> Tensor:
    """The adjoint as a convolution: with the flipped kernel, on `g` with gaps for strides."""
    size = size_of(kernel)
    pads = pads_of(size, padding, dilation)
    reach = [dilation * (n - 1) for n in size]
    if strides > 1:
        down, across = (axis_size(x, i + 1) + sum(pads[i]) - reach[i] for i in (0, 1))
        gap, none = (0, strides - 1), (0, 0)
        g = tf.pad(g[:, :, None, :, None], (none, none, gap, none, gap, none))
        shape = tf.shape(g)
        g = tf.reshape(g, (shape[0], shape[1] * strides, shape[3] * strides, g.shape[-1]))
        g = g[:, :down, :across]
    first, second = (
        (r - before, r - after) for r, (before, after) in zip(reach, pads, strict=True)
    )
    return lowering(g, kernel[::-1, ::-1], (first, second), 1, dilation)


def to_kernel_native(
    g: Tensor, x: Tensor, size: Size, pads: Pads, strides: int, dilation: int
) -> Tensor:
    dtype = x.dtype
    g, x = upcast(g, x)
    if dilation > 1:
        # Every phase of the dilation is a separate convolution.
        x = _pad(x, pads)
        sides = [axis_size(x, axis) for axis in (1, 2)]
        more = [(0, ceil_div(side, dilation) * dilation - side) for side in sides]
        pads = ((0, 0), (0, 0))
        g, x = (tf.space_to_batch(_pad(t, more), (dilation, dilation), pads) for t in (g, x))
    grad = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
        input=x,
        filter_sizes=(*size, x.shape[-1], 1),
        out_backprop=g,
        strides=(1, strides, strides, 1),
        **raw_padding(named_padding(size, pads, strides)),
    )
    # TensorFlow leaves the gradient of an empty batch unwritten.
    return tf.cast(tf.where(tf.size(g) > 0, grad, tf.zeros_like(grad)), dtype)


def to_kernel_by_rows(
    g: Tensor, x: Tensor, size: Size, pads: Pads, strides: int, dilation: int
) -> Tensor:
    """Adds windows of the kernel's size, each times one pixel of `g`, some rows at a time."""
    dtype = x.dtype
    g, x = upcast(g, x)
    batch, height, width = (axis_size(g, axis) for axis in (0, 1, 2))
    columns = -(-width // -(-width // WIDEST)) if isinstance(width, int) and width else STEP
    rows = max(1, STEP // columns)
    if isinstance(height, int) and height:
        rows = min(rows, -(-height // 2))
    # XLA removes a loop of one iteration, and its sums would fuse into the slow loop that follows.
    down, across = tf.maximum(2, -(-height // rows)), tf.maximum(1, -(-width // columns))
    g = _pad(g, ((0, down * rows - height), (0, across * columns - width)))
    x = _pad(x, pads)
    reach = [dilation * (n - 1) + 1 for n in size]
    ends = [
        (n - 1) * strides + r for n, r in zip((down * rows, across * columns), reach, strict=True)
    ]
    x = _pad(x, [(0, tf.maximum(0, end - axis_size(x, i + 1))) for i, end in enumerate(ends)])
    channels = g.shape[-1]
    spans = [(n - 1) * strides + r for n, r in zip((rows, columns), reach, strict=True)]

    def step(turn: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        top, left = turn // across * rows, turn % across * columns
        pixels = tf.slice(g, (0, top, left, 0), (batch, rows, columns, channels))
        seen = tf.slice(x, (0, top * strides, left * strides, 0), (batch, *spans, channels))
        for i in range(rows):
            for j in range(columns):
                a, b = i * strides, j * strides
                window = seen[:, a : a + reach[0] : dilation, b : b + reach[1] : dilation]
                total = total + window * pixels[:, i : i + 1, j : j + 1]
        return turn + 1, total

    turns = down * across
    start = 0, tf.zeros((batch, *size, channels), x.dtype)
    total = tf.while_loop(lambda turn, _: turn < turns, step, start, maximum_iterations=turns)[1]
    return tf.cast(tf.reduce_sum(total, 0)[..., None], dtype)


def _pad(x: Tensor, pads: Any) -> Tensor:
    return tf.pad(x, ((0, 0), *pads, (0, 0)))


def named_padding(size: Size, pads: Pads, strides: int) -> Any:
    """TensorFlow's name of the padding, or the numbers where it has no name."""
    if pads == ((0, 0), (0, 0)):
        return "VALID"
    same = strides == 1 and pads == pads_of(size, "same", 1)
    return "SAME" if same else [(0, 0), *pads, (0, 0)]


def raw_padding(padding: Any) -> dict[str, Any]:
    if isinstance(padding, str):
        return {"padding": padding, "explicit_paddings": []}
    return {"padding": "EXPLICIT", "explicit_paddings": [n for pair in padding for n in pair]}
