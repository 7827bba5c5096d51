"""Movement: the weights with the greatest scores, which are learned straight through, stay."""

from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.introspection.kernels import Kernel
from keras_hadamard._core.typing import Tensor
from keras_hadamard.pruning._criteria.magnitude import Magnitude
from keras_hadamard.pruning._masks import masked


class Movement(Magnitude):
    """A score for each weight. While all scores are zero, the magnitude decides."""

    reselects = True
    keeps_hidden = True

    def cover(self, *args: Any) -> None:
        super().cover(*args)
        self.masks.scores = [
            self.masks.add_weight(
                name=f"scores_{i}", shape=k.variable.shape, initializer="zeros", dtype="float32"
            )
            for i, k in enumerate(self.kernels)
        ]

    def importance(self, index: int, kernel: Kernel) -> np.ndarray:
        learnt = kernel.to_view(ops.convert_to_numpy(self.masks.scores[index]))
        if learnt.any():
            return self.structure.reduce(learnt, np.nanmean)
        return super().importance(index, kernel)

    def replaced(self, training: bool | None) -> list[tuple[Any, Tensor]]:
        return [(kernel.variable, self._effective(i)) for i, kernel in enumerate(self.kernels)]

    def _effective(self, index: int) -> Tensor:
        """`W * M`, with the gradient of `M` as that of the scores (straight through)."""
        w = ops.convert_to_tensor(self.kernels[index].variable)
        scores = ops.convert_to_tensor(self.masks.scores[index])
        nothing = ops.cast(scores - ops.stop_gradient(scores), w.dtype)
        return masked(w, self.masks.masks[index]) + ops.stop_gradient(w) * nothing
