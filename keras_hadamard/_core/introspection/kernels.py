"""The kernels of a model: their names, and which of their axes are inputs and outputs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.private import inner_layers

_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


@dataclass(frozen=True)
class Kernel:
    """A weight of at least two axes, and its view as `(positions, inputs, outputs)`.

    `axes` brings the kernel's axes into that order, `view` is the shape after joining them. `shape`
    is that of the effective kernel: a quantised one may be packed.
    """

    place: int
    path: str
    variable: Any
    layer: keras.layers.Layer
    axes: tuple[int, ...]
    view: tuple[int, int, int]
    shape: tuple[int, ...]

    def to_view(self, array: np.ndarray) -> np.ndarray:
        return array.transpose(self.axes).reshape(self.view)

    def from_view(self, array: np.ndarray) -> np.ndarray:
        moved = array.reshape([self.shape[a] for a in self.axes])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.axes)))


def is_depthwise(variable: Any, layer: keras.layers.Layer) -> bool:
    """Whether each output of the kernel depends on only one input channel."""
    return isinstance(layer, _DEPTHWISE) or getattr(variable, "name", None) == "depthwise_kernel"


def kernels_of(model: keras.Model, endings: tuple[str, ...] = ("kernel",)) -> list[Kernel]:
    """The weights of two axes or more whose name ends with a suffix, each once."""
    owners: dict[int, tuple[keras.layers.Layer, tuple[str, ...]]] = {}
    for layer, names in _layers(model, ()):
        for variable in layer.variables:
            # The innermost layer with the weight.
            if id(variable) not in owners or len(names) > len(owners[id(variable)][1]):
                owners[id(variable)] = (layer, names)
    found: list[Kernel] = []
    paths: dict[str, int] = {}
    seen: set[int] = set()
    for variable in model.weights:
        if len(variable.shape) < 2 or not variable.name.endswith(endings):
            continue
        if id(variable) in seen:
            continue
        seen.add(id(variable))
        layer, names = owners[id(variable)]
        # Not Keras's own path, which differs between a model and the same model after loading.
        path = "/".join([*names, variable.name])
        paths[path] = paths.get(path, 0) + 1
        if paths[path] > 1:
            # Layers with the same name.
            path = f"{path}_{paths[path]}"
        shape = _shape(variable, layer)
        axes, view = _view(variable, layer, shape)
        found.append(Kernel(len(found), path, variable, layer, axes, view, shape))
    return found


def _layers(
    layer: keras.layers.Layer, names: tuple[str, ...]
) -> Iterator[tuple[keras.layers.Layer, tuple[str, ...]]]:
    """A layer and its sublayers, with the names on the path to them."""
    yield layer, names
    for inner in inner_layers(layer):
        yield from _layers(inner, (*names, inner.name))


def chosen_kernels(
    model: keras.Model,
    target: Any,
    exclude: str | None,
    endings: tuple[str, ...] = ("kernel",),
) -> list[Kernel]:
    """The kernels whose path matches `target`, or whose positions it lists, but not `exclude`."""
    kernels = kernels_of(model, endings)
    if not kernels:
        raise received("a model of layers with kernels", model=model)
    if isinstance(target, (list, tuple)):
        if not target or not set(target) <= set(range(len(kernels))):
            raise received(f"positions among the model's {len(kernels)} kernels", target=target)
        return [kernels[place] for place in sorted(set(target))]
    patterns = {"target": target, "exclude": exclude}
    for name, pattern in patterns.items():
        try:
            re.compile(pattern or "")
        except (re.error, TypeError) as error:
            raise received(f"`{name}` to be a regular expression", **{name: pattern}) from error
    chosen = [
        kernel
        for kernel in kernels
        if (target is None or re.search(target, kernel.path))
        and not (exclude is not None and re.search(exclude, kernel.path))
    ]
    if not chosen:
        raise received(
            f"`target` and `exclude` to leave one of {[k.path for k in kernels]}, the kernels",
            **patterns,
        )
    return chosen


def _shape(variable: Any, layer: keras.layers.Layer) -> tuple[int, ...]:
    if getattr(layer, "quantization_mode", None) is None:
        return tuple(variable.shape)
    # Two or more integers of four bits or fewer are packed in one.
    if isinstance(layer, keras.layers.EinsumDense):
        # Keras marks the ones that it packs.
        return tuple(getattr(layer, "original_kernel_shape", variable.shape))
    if isinstance(layer, keras.layers.Dense):
        return (layer.input_spec.axes[-1], layer.units)
    if isinstance(layer, keras.layers.Embedding):
        return (layer.input_dim, layer.output_dim)
    return tuple(variable.shape)


def _view(
    variable: Any, layer: keras.layers.Layer, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, int, int]]:
    rank = len(shape)
    inputs: tuple[int, ...] = (rank - 2,)
    outputs: tuple[int, ...] = (rank - 1,)
    if is_depthwise(variable, layer):
        inputs, outputs = (), (rank - 2, rank - 1)
    elif isinstance(layer, _TRANSPOSED):
        inputs, outputs = (rank - 1,), (rank - 2,)
    elif isinstance(layer, keras.layers.EinsumDense):
        inputs, outputs = _einsum_axes(layer.equation)
    positions = tuple(a for a in range(rank) if a not in inputs + outputs)
    groups = (positions, inputs, outputs)
    sizes = tuple(_size(shape, group) for group in groups)
    return positions + inputs + outputs, (sizes[0], sizes[1], sizes[2])


def _einsum_axes(equation: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A letter of the kernel that is also in the output is an output."""
    operands, output = equation.replace(" ", "").split("->")
    kernel = operands.split(",")[1]
    outputs = tuple(i for i, letter in enumerate(kernel) if letter in output)
    return tuple(i for i in range(len(kernel)) if i not in outputs), outputs


def _size(shape: Sequence[int], axes: Sequence[int]) -> int:
    return int(np.prod([shape[a] for a in axes], dtype=int))


def lora_of(kernel: Kernel) -> Any:
    """The update of `enable_lora` to the kernel or embeddings of a Keras layer, or None."""
    layer = kernel.layer
    name = kernel.variable.name if kernel.variable.name == "embeddings" else "kernel"
    factors = [getattr(layer, f"lora_{name}_{which}", None) for which in "ab"]
    if not getattr(layer, "lora_enabled", False) or any(f is None for f in factors):
        return None
    a, b = (ops.convert_to_tensor(factor) for factor in factors)
    return (layer.lora_alpha / layer.lora_rank) * ops.matmul(a, b)
