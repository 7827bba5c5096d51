"""Updates of the direction of a kernel's columns, separate from their length."""

from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.checks import one_of, received
from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import (
    Adapter,
    KernelView,
    Linear,
    LinearView,
    Weights,
    WeightSpec,
)
from keras_hadamard.adapters._ranked import RankedAdapter
from keras_hadamard.adapters.loha import LoHa
from keras_hadamard.adapters.lora import LoRA

DIRECTIONS: dict[str, type[RankedAdapter]] = {"lora": LoRA, "loha": LoHa}


@serializable
class DoRA(Adapter):
    """Learns length and direction of a kernel's columns, `W' = (||W|| + m) * V / ||V||`.

    `V = W + D`, and `D` is the update of `LoRA`, or of `LoHa`. The norm is that of the weights of
    each output, as the authors' code, PEFT and LyCORIS compute it; the paper writes one for each
    input, which is `norm="inputs"`. `m`, with a parameter for each, is the change of the length and
    starts at zero, so that `||W|| + m` is the magnitude of the paper:
    `rank * (inputs + outputs) + outputs` parameters per kernel with `LoRA`.

    A kernel can have only one active adapter if it is a `DoRA`. The norm needs `D` as a matrix,
    which is formed in the forward pass, and not kept for the gradient unless the norm has one.

    Args:
        rank: Positive integer.
        alpha: Positive number, or None for the rank, a factor of 1. Defaults to `None`.
        direction: String, `"lora"` or `"loha"`. Defaults to `"lora"`.
        norm: String, `"outputs"` or `"inputs"`, the vectors whose norm is taken. Defaults to
            `"outputs"`.
        norm_gradient: Boolean, whether the gradient goes through `||V||`, as in LyCORIS; the paper
            and PEFT treat it as a constant. Defaults to `False`.

    Raises:
        ValueError: If an argument is invalid, or when applied to embeddings with `norm="inputs"`.

    Numerics:
        `||V|| / ||W||` is computed in at least float32 from the change of the square by `D`, so
        that it is one to the last bit while `D` is zero, and from `V` itself where `V` is short.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.DoRA(rank=2))
    >>> adapters.trainable_parameters(adapted).trainable
    28

    Reference:
        - [DoRA: Weight-Decomposed Low-Rank Adaptation (Liu et al., 2024)](
          https://arxiv.org/abs/2402.09353)
    """

    combines = False
    uses_kernel = True
    has_unmerge_state = True

    def __init__(
        self,
        rank: int,
        alpha: float | None = None,
        direction: str = "lora",
        norm: str = "outputs",
        norm_gradient: bool = False,
    ) -> None:
        self.direction = one_of("direction", direction, DIRECTIONS)
        self._update = DIRECTIONS[direction](rank, alpha)
        self.norm = one_of("norm", norm, ("outputs", "inputs"))
        self.norm_gradient = bool(norm_gradient)

    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        size = view.outputs if self.norm == "outputs" else view.rows
        return {**self._update.new_weights(view), "magnitude": WeightSpec((size,), "zeros")}

    def adapted(self, linear: Linear, linear_view: LinearView, weights: Weights) -> Linear:
        scale = self._scale(linear_view.matrix(), weights)

        def rescaled(x: Tensor) -> Tensor:
            if self.norm == "inputs":
                x = x * ops.cast(linear_view.on_inputs(scale), x.dtype)
                return linear(x) + linear_view.product(self._update, x, weights)
            y = linear(x)
            factor = ops.cast(linear_view.on_outputs(scale), y.dtype)
            # Nothing is added to `y` where the scale is one.
            change = (factor - 1) * (y - linear_view.bias())
            return y + change + factor * linear_view.product(self._update, x, weights)

        return rescaled

    def merge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        scale = self._along(self._scale(w, weights))
        return w + (scale - 1) * w + scale * self._update.update(w, weights), bias

    def unmerge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        shrinking = weights["shrinking"]
        # Rounding leaves nothing of weights that are so much shorter.
        if not np.all(np.abs(ops.convert_to_numpy(shrinking)) < 1e6):
            raise received("weights of a length above zero, which have a direction", adapter=self)
        return w * self._along(shrinking) - self._update.update(w, weights), bias

    def unmerge_state(self, w: Tensor, weights: Weights) -> Weights:
        return {"shrinking": 1 / self._scale(w, weights)}

    def _scale(self, w: Tensor, weights: Weights) -> Tensor:
        """`(||W|| + m) / ||W + D||`."""
        (w,) = upcast(w)
        d = self._update.update(w, weights)
        if not self.norm_gradient:
            w, d = ops.stop_gradient(w), ops.stop_gradient(d)
        (change,) = upcast(weights["magnitude"])
        square = self._sum(ops.square(w))
        there = square > 0
        safe = ops.where(there, square, ops.ones_like(square))
        there = ops.cast(there, w.dtype)
        ratio = there + self._sum(d * (2 * w + d)) / safe
        # Where `D` cancels most of `W`, the sum has lost its digits, and does not have to be one.
        ratio = ops.where(ratio > 0.25, ratio, self._sum(ops.square(w + d)) / safe)
        return (there + change / ops.sqrt(safe)) / ops.sqrt(ops.maximum(ratio, 1e-12))

    def _sum(self, matrix: Tensor) -> Tensor:
        return ops.sum(matrix, axis=0 if self.norm == "outputs" else 1)

    def _along(self, vector: Tensor) -> Tensor:
        return vector if self.norm == "outputs" else vector[:, None]

    def get_config(self) -> dict[str, Any]:
        return {
            "rank": self._update.rank,
            "alpha": self._update.alpha,
            "direction": self.direction,
            "norm": self.norm,
            "norm_gradient": self.norm_gradient,
        }
