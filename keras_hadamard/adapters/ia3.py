"""Scales of the input or output activations of a layer."""

from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
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


@serializable
class IA3(Adapter):
    """Scales the outputs of a layer, `y = l * (x W + b)`, or its inputs, `y = (l * x) W + b`.

    `l` starts at one and has a parameter for each output, or for each input with
    `feedforward=True`. The paper scales the outputs of the layers that make keys and values, and
    the inputs of the second layer of feed-forward networks: apply one, then the other, and activate
    both.

    Args:
        feedforward: Boolean, whether inputs are scaled. Defaults to `False`.
        scale_bias: Boolean, whether the bias is scaled with the outputs, as in PEFT, or not, as in
            LyCORIS. Defaults to `True`.

    Raises:
        ValueError: When applied to embeddings with `feedforward=True`, or to a kernel whose layer's
            bias is unknown.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.IA3())
    >>> adapters.trainable_parameters(adapted).trainable
    4

    Reference:
        - [Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning
          (Liu et al., 2022)](https://arxiv.org/abs/2205.05638)
    """

    def __init__(self, feedforward: bool = False, scale_bias: bool = True) -> None:
        self.feedforward = bool(feedforward)
        self.scale_bias = bool(scale_bias)

    @property
    def changes_bias(self) -> bool:
        """Whether the bias is scaled."""
        return self.scale_bias and not self.feedforward

    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        return {"scale": WeightSpec((view.inputs if self.feedforward else view.outputs,), "ones")}

    def adapted(self, linear: Linear, linear_view: LinearView, weights: Weights) -> Linear:
        scale = weights["scale"]

        def scaled(x: Tensor) -> Tensor:
            if self.feedforward:
                return linear(x * ops.cast(linear_view.on_inputs(scale), x.dtype))
            y = linear(x)
            factor = ops.cast(linear_view.on_outputs(scale), y.dtype)
            # Nothing is added to `y` where the scale is one.
            return y * factor if self.scale_bias else y + (factor - 1) * (y - linear_view.bias())

        return scaled

    def merge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        scale = weights["scale"]
        if self.feedforward:
            return w * ops.tile(scale, w.shape[0] // scale.shape[0])[:, None], bias
        return w * scale, bias * scale if self.scale_bias and bias is not None else bias

    def unmerge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        scale = weights["scale"]
        if not np.all(ops.convert_to_numpy(scale)):
            raise received("scales without zeros, which erase the weights", adapter=self)
        return self.merge(w, bias, {"scale": 1 / scale})

    def get_config(self) -> dict[str, Any]:
        return {"feedforward": self.feedforward, "scale_bias": self.scale_bias}
