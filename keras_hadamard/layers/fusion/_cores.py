"""Cores of Tucker fusions: tensors that combine two projections, whole or in chunks."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._bilinear import block_bilinear
from keras_hadamard.layers._fan_in import of_fan_in
from keras_hadamard.layers._initializers import block_initializer
from keras_hadamard.ops import factorized_bilinear_pool


@serializable
class LowRankCore(BaseLayer):
    """`z = sum_r (M_r x) * (N_r y)` for each chunk; `M = N` if they are shared.

    The inputs and the output are `(..., chunks, size)`.
    """

    def __init__(self, rank: int, shared: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rank, self.shared = rank, shared

    def build(self, input_shape: list[Shape]) -> None:
        chunks, size = (int(n or 0) for n in input_shape[0][-2:])
        units = size * self.rank
        made = [
            (
                _add_kernel(self, f"kernel_{i}", (chunks, size, units)),
                _add_bias(self, f"bias_{i}", (chunks, units), size),
            )
            for i in range(1 if self.shared else 2)
        ]
        self.merges = made * 2 if self.shared else made

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, y = (_merge(z, *merge) for z, merge in zip(inputs, self.merges, strict=True))
        return ops.moveaxis(factorized_bilinear_pool(x, y, factor=self.rank), 0, -2)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return _broader(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank, "shared": self.shared}


def _merge(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """A projection for each chunk, with the chunks first: one matrix product each.

    Not `EinsumDense`: TensorFlow's gradient of an einsum with an ellipsis is not a matrix product.
    """
    chunks, size, units = kernel.shape
    lead = ops.shape(x)[:-2]
    rows = ops.reshape(ops.moveaxis(x, -2, 0), (chunks, math.prod(lead), size))
    projected = ops.matmul(rows, kernel)
    if bias is not None:
        projected = projected + ops.expand_dims(bias, 1)
    return ops.reshape(projected, (chunks, *lead, units))


@serializable
class FullCore(BaseLayer):
    """`z_o = sum_(m, n) x_m W_(m, n, o) y_n + b_o` for each chunk.

    The inputs and the output are `(..., chunks, size)`.
    """

    def build(self, input_shape: list[Shape]) -> None:
        chunks, size = (int(n or 0) for n in input_shape[0][-2:])
        self.kernel = _add_kernel(self, "kernel", (chunks, size, size, size))
        self.bias = _add_bias(self, "bias", (chunks, size), size)

    def call(self, inputs: list[Tensor]) -> Tensor:
        z = block_bilinear(inputs[0], self.kernel, inputs[1])
        return z if self.bias is None else z + self.bias

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return _broader(input_shape)


def build_cores(
    layer: BaseLayer,
    kind: Callable[..., Any],
    positions: Shape,
    sizes: Iterable[tuple[int, int]],
    **kwargs: Any,
) -> list[Any]:
    """Creates and builds a core for each size of chunks, which computes them together."""
    cores = []
    for i, (chunks, size) in enumerate(sizes):
        core = layer.sublayer(kind, name=f"core_{i}", **kwargs)
        core.build([(*positions, chunks, size)] * 2)
        cores.append(core)
    return cores


def apply_core(core: Callable[[list[Tensor]], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """The core of two projections with one chunk each."""
    return ops.squeeze(core([ops.expand_dims(x, -2), ops.expand_dims(y, -2)]), -2)


def apply_cores(
    cores: Sequence[Callable[[list[Tensor]], Tensor]],
    sizes: Iterable[tuple[int, int]],
    x: Tensor,
    y: Tensor,
) -> list[Tensor]:
    """The output of each core for its chunks of two projections, `(..., chunks, size)`."""
    start, fused = 0, []
    for core, (chunks, size) in zip(cores, sizes, strict=True):
        end = start + chunks * size
        fused.append(core([_cut(p[..., start:end], chunks, size) for p in (x, y)]))
        start = end
    return fused


def join_chunks(fused: Sequence[Tensor]) -> Tensor:
    """The concatenated chunks, `(..., width)`."""
    joined = [ops.reshape(z, (*ops.shape(z)[:-2], z.shape[-2] * z.shape[-1])) for z in fused]
    return joined[0] if len(joined) == 1 else ops.concatenate(joined, axis=-1)


def chunk_axis(axis: int, z: Tensor) -> int:
    """An axis of the joined chunks as one of `z`, the chunks `(..., chunks, size)`."""
    rank = len(z.shape) - 1
    return -1 if axis % rank == rank - 1 else axis % rank


def chunk_sizes(width: int, chunks: int) -> list[tuple[int, int]]:
    """`(count, size)`: equal chunks, the last one smaller if `width` is not a multiple.

    If nothing is left for the last one, the chunks at the end are one smaller than the others.
    """
    if width < chunks:
        raise received(f"`mm_dim` of at least chunks={chunks}", mm_dim=width)
    size = math.ceil(width / chunks)
    rest = width - size * (chunks - 1)
    if rest == size:
        return [(chunks, size)]
    if rest > 0:
        return [(chunks - 1, size), (1, rest)]
    larger = width - (size - 1) * chunks
    return [(larger, size), (chunks - larger, size - 1)]


def _cut(p: Tensor, chunks: int, size: int) -> Tensor:
    return ops.reshape(p, (*ops.shape(p)[:-1], chunks, size))


def _broader(shapes: list[Shape]) -> Shape:
    """The broadcast shape of two aligned chunked tensors."""
    return tuple(max(shapes, key=lambda s: sum(n != 1 for n in s)))


def _add_kernel(layer: BaseLayer, name: str, shape: Shape) -> Any:
    """A weight whose first axis is the chunks, each initialised separately."""
    chunks = int(shape[0] or 0)
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=block_initializer(layer.kernel_initializer, name, chunks, axis=0),
        regularizer=layer.kernel_regularizer,
        constraint=layer.kernel_constraint,
    )


def _add_bias(layer: BaseLayer, name: str, shape: Shape, size: int) -> Any:
    if not layer.use_bias:
        return None
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=of_fan_in(layer.bias_initializer, size),
        regularizer=layer.bias_regularizer,
        constraint=layer.bias_constraint,
    )
