"""The Hadamard product of the kernel itself with a low-rank matrix."""

import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import KernelView, Weights, WeightSpec
from keras_hadamard.adapters._initializers import kaiming
from keras_hadamard.adapters._ranked import RankedAdapter
from keras_hadamard.ops._scaled_matmul import scaled_matmul


@serializable
class HiRA(RankedAdapter):
    """Scales the entries of a kernel by a low-rank matrix, `W' = W + alpha / rank * W * (A B)`.

    `W` is `(inputs, outputs)`, `A` is `(inputs, rank)` and uniform within `1 / sqrt(inputs)`, `B`
    is `(rank, outputs)` and starts at zero: `rank * (inputs + outputs)` parameters per kernel. The
    update can have the full rank of `W`; zeros of `W` stay zero.

    A product with `W * (A B)` cannot be factored, as `W` has no factors. Layers that multiply by a
    matrix form it a sixteenth of its outputs at a time, in the gradient as well.

    Args:
        rank: Positive integer.
        alpha: Positive number, or None for the rank, a factor of 1, as in PEFT. Defaults to `None`.

    Raises:
        ValueError: If an argument is none of these.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.HiRA(rank=2))
    >>> adapters.trainable_parameters(adapted).trainable
    24

    Reference:
        - [HiRA: Parameter-Efficient Hadamard High-Rank Adaptation for Large Language Models (Huang
          et al., 2025)](https://openreview.net/forum?id=TwJrTz9cRS)
    """

    of_inputs = ("a",)
    uses_kernel = True
    combines = False

    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        return {
            "a": WeightSpec((view.rows, self.rank), kaiming()),
            "b": WeightSpec((self.rank, view.outputs), "zeros"),
        }

    def update(self, w: Tensor, weights: Weights) -> Tensor:
        w, a, b = upcast(w, weights["a"], weights["b"])
        return self.scale * w * ops.matmul(a, b)

    def product(self, x: Tensor, w: Tensor, weights: Weights) -> Tensor:
        return self.scale * scaled_matmul(x, w, weights["a"], weights["b"])

    def unmerge(
        self, w: Tensor, bias: Tensor | None, weights: Weights
    ) -> tuple[Tensor, Tensor | None]:
        factor = 1 + self.update(ops.ones_like(w), weights)
        if not np.all(ops.convert_to_numpy(factor)):
            raise received(
                "`1 + alpha / rank * A B` without zeros, which erase the weights",
                adapter=self,
            )
        return w / factor, bias
