"""Inputs that a kernel is multiplied by, as rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.kernels import Kernel
from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard.pruning._patches import patches

_L = keras.layers
_CONVOLUTIONS = (_L.Conv1D, _L.Conv2D, _L.Conv3D)
_DEPTHWISE = (_L.DepthwiseConv1D, _L.DepthwiseConv2D)
_SEPARABLE = (_L.SeparableConv1D, _L.SeparableConv2D)
_CELLS = (_L.SimpleRNNCell, _L.GRUCell, _L.LSTMCell)


@dataclass(frozen=True)
class Reading:
    """A kernel as matrices `(groups, inputs, outputs)`, and the rows multiplied by them.

    Inputs are all values that one output depends on: for a convolution, the channels at every
    position. The kernel, reshaped to `split` and with its axes in the order `axes`, is joined to
    `sizes`. `rows` turns the inputs of `layer` into `(rows, groups, inputs)`.
    """

    layer: Any
    split: tuple[int, ...]
    axes: tuple[int, ...]
    sizes: tuple[int, int, int]
    rows: Callable[[np.ndarray], np.ndarray]

    def to_groups(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(self.split).transpose(self.axes).reshape(self.sizes)

    def from_groups(self, array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        moved = array.reshape([self.split[a] for a in self.axes])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.axes)).reshape(shape))


def readings_of(model: keras.Model, kernels: Sequence[Kernel], criterion: str) -> list[Reading]:
    """A reading for each kernel.

    Raises:
        ValueError: If there are kernels whose inputs are unknown.
    """
    recurrent = {id(x.cell): x for x in all_layers(model) if isinstance(x, _L.RNN)}
    found = [_reading(kernel, recurrent) for kernel in kernels]
    unknown = [k.path for k, reading in zip(kernels, found, strict=True) if reading is None]
    if unknown:
        raise received(
            "kernels of Keras's dense, einsum, convolution, depthwise or separable layers, or "
            f"the input kernels of recurrent layers: criterion {criterion!r} does not "
            "know the inputs of others. Leave these out with `exclude`",
            kernels=unknown,
        )
    return [reading for reading in found if reading is not None]


def _reading(kernel: Kernel, recurrent: dict[int, Any]) -> Reading | None:
    layer, variable = kernel.layer, kernel.variable
    shape, rank = tuple(variable.shape), len(variable.shape)
    if _is(layer, (_L.Dense,)) and variable is layer.kernel:
        return _joined(layer, shape, _of_dense)
    if _is(layer, _CELLS) and variable is layer.kernel and id(layer) in recurrent:
        # Not the cell: Keras calls it once more to inspect its output.
        return _joined(recurrent[id(layer)], shape, _of_dense)
    if _is(layer, (_L.EinsumDense,)) and variable is layer.kernel:
        return _of_einsum(layer, shape)
    if _is(layer, _CONVOLUTIONS) and variable is layer.kernel:
        groups, outputs = layer.groups, shape[-1]
        split = (*shape[:-1], groups, outputs // groups)
        axes = (rank - 1, *range(rank - 1), rank)
        inputs = int(np.prod(shape[:-1]))
        sizes = (groups, inputs, outputs // groups)
        return Reading(layer, split, axes, sizes, lambda x: _windows(layer, x, groups))
    if _is(layer, _DEPTHWISE) and variable is layer.kernel:
        return _of_depthwise(layer, shape)
    if _is(layer, _SEPARABLE) and variable is layer.depthwise_kernel:
        return _of_depthwise(layer, shape)
    if _is(layer, _SEPARABLE) and variable is layer.pointwise_kernel:
        return _joined(layer, shape, lambda x: _of_dense(_between(layer, x)))
    return None


def _is(layer: Any, classes: tuple[Any, ...]) -> bool:
    """Whether a layer computes as one of the classes: a subclass may do anything to its inputs."""
    return any(isinstance(layer, c) and type(layer).call is c.call for c in classes)


def _joined(layer: Any, shape: tuple[int, ...], rows: Callable[..., np.ndarray]) -> Reading:
    sizes = (1, int(np.prod(shape[:-1])), shape[-1])
    return Reading(layer, shape, tuple(range(len(shape))), sizes, rows)


def _of_dense(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, 1, x.shape[-1])


def _of_depthwise(layer: Any, shape: tuple[int, ...]) -> Reading:
    rank = len(shape)
    sizes = (shape[-2], int(np.prod(shape[:-2])), shape[-1])
    axes = (rank - 2, *range(rank - 2), rank - 1)
    return Reading(layer, shape, axes, sizes, lambda x: _windows(layer, x, shape[-2]))


def _windows(layer: Any, x: np.ndarray, groups: int) -> np.ndarray:
    if layer.data_format == "channels_first":
        x = np.moveaxis(x, 1, -1)
    seen = patches(x, layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding)
    rows, positions, channels = seen.shape
    seen = seen.reshape(rows, positions, groups, channels // groups)
    return np.moveaxis(seen, 2, 1).reshape(rows, groups, -1)


def _between(layer: Any, x: np.ndarray) -> np.ndarray:
    """The output of a separable convolution's depthwise half, channels last."""
    middle = ops.depthwise_conv(
        x,
        ops.cast(layer.depthwise_kernel, x.dtype.name),
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        data_format=layer.data_format,
    )
    first = layer.data_format == "channels_first"
    return np.moveaxis(ops.convert_to_numpy(middle), 1 if first else -1, -1)


def _of_einsum(layer: Any, shape: tuple[int, ...]) -> Reading:
    operands, output = layer.equation.replace(" ", "").split("->")
    given, letters = operands.split(",")
    groups = [a for a in letters if a in given and a in output]
    inputs = [a for a in letters if a not in output]
    outputs = [a for a in letters if a in output and a not in given]
    order = [letters.index(a) for a in groups + inputs + outputs]
    sizes = [int(np.prod([shape[letters.index(a)] for a in p])) for p in (groups, inputs, outputs)]

    def rows(x: np.ndarray) -> np.ndarray:
        before, _, after = given.partition("...")
        free = "." * (x.ndim - len(before) - len(after))
        names = list(before + free + after)
        # A letter that occurs nowhere else is summed over first.
        summed = [i for i, a in enumerate(names) if a not in (*letters, *output, ".")]
        x = x.sum(axis=tuple(summed))
        names = [a for i, a in enumerate(names) if i not in summed]
        others = [i for i, a in enumerate(names) if a not in letters]
        moved = x.transpose(others + [names.index(a) for a in groups + inputs])
        return moved.reshape(-1, sizes[0], sizes[1])

    return Reading(layer, shape, tuple(order), (sizes[0], sizes[1], sizes[2]), rows)
