"""What the two blocks around a star operation share."""

from abc import abstractmethod
from typing import Any

from keras import ops

from keras_hadamard._checks import fraction, positive_int
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import image_format, known_image, to_last
from keras_hadamard.layers.high_order.star_operation import StarOperation
from keras_hadamard.layers.modulation.drop_path import DropPath


class StarResidual2D(BaseLayer):
    """Base of `x + branch(x)` on images, where the branch is dropped for whole examples.

    A subclass builds its branch in `build_branch` and runs it in `branch`, both channels-last.
    """

    def __init__(
        self,
        expansion: int,
        kernel_size: int,
        drop_path: float,
        data_format: str | None,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.expansion = positive_int("expansion", expansion)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.drop_path = fraction("drop_path", drop_path)
        self.data_format = image_format(data_format)
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        self.build_branch(known_image(input_shape, self.data_format))
        self.drop = DropPath(self.drop_path, self.seed, name="drop_path", dtype=self.dtype_policy)

    @abstractmethod
    def build_branch(self, shape: Shape) -> None:
        """Creates the layers of the branch for an image of `shape`."""

    @abstractmethod
    def branch(self, x: Tensor, training: bool | None) -> Tensor:
        """The branch of an image, of the image's shape."""

    def star(self, shape: Shape, activation: Activation, mode: str = "multiply") -> StarOperation:
        star: StarOperation = self.sublayer(
            StarOperation, self.expansion, mode, activation, name="star"
        )
        star.build(shape)
        return star

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = to_last(inputs, self.data_format)
        y = self.drop(self.branch(x, training), training=training)
        return to_last(ops.add(x, y), self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        known_image(input_shape, self.data_format)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expansion": self.expansion,
            "kernel_size": self.kernel_size,
            "drop_path": self.drop_path,
            "data_format": self.data_format,
            "seed": self.seed,
        }
