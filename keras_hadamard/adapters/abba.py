"""The Hadamard product of two low-rank matrices, one of which is initialized from the kernel."""

from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import KernelView, Weights, WeightSpec
from keras_hadamard.adapters._ranked import RankedAdapter
from keras_hadamard.ops import khatri_rao_matmul


@serializable
class ABBA(RankedAdapter):
    """Adds a Hadamard product of two matrices of rank r1, r2, `W' = W + alpha * (A1 B1) * (A2 B2)`.

    `W` is `(inputs, outputs)`, `A1` is `(inputs, r1)`, `B1` `(r1, outputs)`, `A2` and `B2` the same
    with rank `r2`: `(r1 + r2) * (inputs + outputs)` parameters per kernel. `A1 B1` starts as the
    best approximation of `W` of its rank, the singular values split between the two, `A2` uniform
    within `sqrt(6 / inputs)`, and `B2` at zero. Layers that multiply by a matrix use
    `khatri_rao_matmul`, which forms no matrix of `W`'s size. Kernels of windows are added up as
    they are used.

    Args:
        rank: Positive integer `r1`.
        alpha: Positive number, the complete factor: `sqrt(alpha1 * alpha2)` of the authors' code.
            Its ranks do not divide it. Defaults to `8.0`.
        second_rank: Positive integer `r2`, or None for `r1`. Defaults to `None`.

    Raises:
        ValueError: If an argument is invalid, or the rank is greater than the kernel's.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.ABBA(rank=2))
    >>> adapters.trainable_parameters(adapted).trainable
    48

    Reference:
        - [ABBA: Highly Expressive Hadamard Product Adaptation for Large Language Models (Singhal et
          al., 2025)](https://arxiv.org/abs/2505.14238)
    """

    of_inputs = ("a1", "a2")
    starts_from_kernel = True

    def __init__(self, rank: int, alpha: float = 8.0, second_rank: int | None = None) -> None:
        if alpha is None:
            raise received("`alpha` to be a positive number", alpha=alpha)
        super().__init__(rank, alpha)
        self.second_rank = None if second_rank is None else positive_int("second_rank", second_rank)

    @property
    def scale(self) -> float:
        """The factor of the update."""
        return float(self.alpha or 0.0)

    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        if self.rank > min(view.rows, view.outputs):
            raise received(
                f"`rank` of at most {min(view.rows, view.outputs)}, that of the kernel",
                rank=self.rank,
            )
        second = self.second_rank or self.rank
        return {
            "a1": WeightSpec((view.rows, self.rank), "zeros"),
            "b1": WeightSpec((self.rank, view.outputs), "zeros"),
            "a2": WeightSpec((view.rows, second), "he_uniform"),
            "b2": WeightSpec((second, view.outputs), "zeros"),
        }

    def start_values(self, kernel: np.ndarray) -> dict[str, np.ndarray]:
        left, values, right = np.linalg.svd(kernel, full_matrices=False)
        root = np.sqrt(values[: self.rank])
        return {"a1": left[:, : self.rank] * root, "b1": root[:, None] * right[: self.rank]}

    def update(self, w: Tensor, weights: Weights) -> Tensor:
        del w
        a1, b1, a2, b2 = upcast(*(weights[name] for name in ("a1", "b1", "a2", "b2")))
        return self.scale * ops.matmul(a1, b1) * ops.matmul(a2, b2)

    def product(self, x: Tensor, w: Tensor, weights: Weights) -> Tensor:
        del w
        left, right = ((weights[f"a{i}"], weights[f"b{i}"]) for i in (1, 2))
        return self.scale * khatri_rao_matmul(x, left, right)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "second_rank": self.second_rank}
