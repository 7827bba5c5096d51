"""The cores of Tucker fusions: what two chunked projections are multiplied by."""

import math
from abc import abstractmethod
from typing import Any

from keras_hadamard._checks import received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers._bilinear import block_bilinear
from keras_hadamard.layers._fan_in import of_fan_in
from keras_hadamard.layers._projecting import ProjectingLayer
from keras_hadamard.layers._side_by_side import SideBySide, derive
from keras_hadamard.ops import factorized_bilinear_pool


class Core(ProjectingLayer):
    """Base of the layers from two tensors `(..., chunks, size)` to one of that shape."""

    @abstractmethod
    def build(self, input_shape: list[Shape]) -> None:
        """Creates the weights of all chunks, each chunk's initialised as if it stood alone."""

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return tuple(max(input_shape, key=lambda s: sum(n != 1 for n in s)))


@serializable
class LowRankCore(Core):
    """`z = sum_r (M_r x) * (N_r y)` for each chunk; `M = N` if they are shared."""

    def __init__(self, rank: int, shared: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rank, self.shared = rank, shared

    def build(self, input_shape: list[Shape]) -> None:
        count = 1 if self.shared else 2
        made = [
            self.project_chunks(
                int(shape[-1] or 0) * self.rank, f"merge_{i}", input_shape=tuple(shape)
            )
            for i, shape in enumerate(input_shape[:count])
        ]
        self.merges = made * 2 if self.shared else made

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, y = (merge(z) for merge, z in zip(self.merges, inputs, strict=True))
        return factorized_bilinear_pool(x, y, factor=self.rank)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank, "shared": self.shared}


@serializable
class FullCore(Core):
    """`z_o = sum_(m, n) x_m W_(m, n, o) y_n + b_o` for each chunk."""

    def build(self, input_shape: list[Shape]) -> None:
        chunks, size = (int(n or 0) for n in input_shape[0][-2:])
        initializers = [derive(self.kernel_initializer, i) for i in range(chunks)]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(chunks, size, size, size),
            initializer=SideBySide(initializers, axis=0),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(chunks, size),
                initializer=of_fan_in(self.bias_initializer, size),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

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
