"""The cores of Tucker fusions: what two chunked projections are multiplied by."""

import math
from abc import abstractmethod
from typing import Any

from keras import ops

from keras_hadamard._checks import received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._bilinear import block_bilinear
from keras_hadamard.layers._fan_in import of_fan_in
from keras_hadamard.layers._initializers import block_initializer
from keras_hadamard.ops import factorized_bilinear_pool


class Core(BaseLayer):
    """Base of the layers from two tensors `(..., chunks, size)` to one of that shape."""

    @abstractmethod
    def build(self, input_shape: list[Shape]) -> None:
        """Creates the weights of all chunks."""

    def add_kernel(self, name: str, shape: Shape) -> Any:
        """A weight whose first axis is the chunks, each initialised as if it stood alone."""
        chunks = int(shape[0] or 0)
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=block_initializer(self.kernel_initializer, name, chunks, axis=0),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def add_bias(self, name: str, shape: Shape, size: int) -> Any:
        if not self.use_bias:
            return None
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=of_fan_in(self.bias_initializer, size),
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return tuple(max(input_shape, key=lambda s: sum(n != 1 for n in s)))


@serializable
class LowRankCore(Core):
    """`z = sum_r (M_r x) * (N_r y)` for each chunk; `M = N` if they are shared."""

    def __init__(self, rank: int, shared: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rank, self.shared = rank, shared

    def build(self, input_shape: list[Shape]) -> None:
        chunks, size = (int(n or 0) for n in input_shape[0][-2:])
        units = size * self.rank
        made = [
            (
                self.add_kernel(f"kernel_{i}", (chunks, size, units)),
                self.add_bias(f"bias_{i}", (chunks, units), size),
            )
            for i in range(1 if self.shared else 2)
        ]
        self.merges = made * 2 if self.shared else made

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, y = (_merge(z, *merge) for z, merge in zip(inputs, self.merges, strict=True))
        return ops.moveaxis(factorized_bilinear_pool(x, y, factor=self.rank), 0, -2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank, "shared": self.shared}


def _merge(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """A projection for each chunk, the chunks first: one product of matrices each.

    Not `EinsumDense`: TensorFlow's gradient of an einsum with an ellipsis is no such product.
    """
    chunks, size, units = kernel.shape
    lead = ops.shape(x)[:-2]
    rows = ops.reshape(ops.moveaxis(x, -2, 0), (chunks, math.prod(lead), size))
    projected = ops.matmul(rows, kernel)
    if bias is not None:
        projected = projected + ops.expand_dims(bias, 1)
    return ops.reshape(projected, (chunks, *lead, units))


@serializable
class FullCore(Core):
    """`z_o = sum_(m, n) x_m W_(m, n, o) y_n + b_o` for each chunk."""

    def build(self, input_shape: list[Shape]) -> None:
        chunks, size = (int(n or 0) for n in input_shape[0][-2:])
        self.kernel = self.add_kernel("kernel", (chunks, size, size, size))
        self.bias = self.add_bias("bias", (chunks, size), size)

    def call(self, inputs: list[Tensor]) -> Tensor:
        z = block_bilinear(inputs[0], self.kernel, inputs[1])
        return z if self.bias is None else z + self.bias


def chunk_sizes(width: int, chunks: int) -> list[tuple[int, int]]:
    """`(how many, of which size)`: equal chunks, the last smaller where `width` is no multiple.

    If nothing would be left for the last, the chunks at the end are one smaller than the others.
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
