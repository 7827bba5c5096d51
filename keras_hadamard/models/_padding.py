"""Padding of images to sides that can be halved, and its removal."""

from typing import Any

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer


@serializable
class PadToMultiple(KernelFreeLayer):
    """Zeros below and to the right of an image, so that its sides are multiples of a number."""

    def __init__(self, multiple: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = positive_int("multiple", multiple)

    def call(self, inputs: Tensor) -> Tensor:
        sides = [(0, -side % self.multiple) for side in ops.shape(inputs)[1:3]]
        return ops.pad(inputs, [(0, 0), *sides, (0, 0)])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, channels = input_shape
        padded = [None if n is None else n + -n % self.multiple for n in sides]
        return (batch, *padded, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "multiple": self.multiple}


@serializable
class CropToShapeOf(KernelFreeLayer):
    """The first of two images, cropped below and at the right to the sides of the second."""

    def call(self, inputs: list[Tensor]) -> Tensor:
        image, like = inputs
        height, width = ops.shape(like)[1:3]
        return image[:, :height, :width]

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        image, like = input_shape
        return (*like[:3], image[3])
