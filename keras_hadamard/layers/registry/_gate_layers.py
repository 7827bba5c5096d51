"""Layers that are only in the registry of gates."""

from typing import Any

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.modulation import Highway


@serializable
class Unconditioned(KernelFreeLayer):
    """The first of a list of tensors: the baseline of conditioned layers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        return inputs[0]

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor | None:
        return mask[0] if isinstance(mask, list | tuple) else mask

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return tuple(input_shape[0])


def projected_highway(units: int, name: str | None = None, **kwargs: Any) -> keras.layers.Layer:
    """A highway keeps the width of its input, so a projection comes before it."""
    return keras.Sequential([keras.layers.Dense(units), Highway(**kwargs)], name=name)
