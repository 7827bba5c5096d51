"""Base class of the residual blocks around a star operation."""

from typing import Any, Unpack

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.typing import ProjectionArguments, Shape
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import check_image_shape, image_format


class StarResidual2D(BaseLayer):
    """Base of `x + branch(x)` on images: the common arguments of the blocks."""

    def __init__(
        self,
        expansion: int,
        kernel_size: int,
        drop_path: float,
        data_format: str | None,
        seed: int | None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.expansion = positive_int("expansion", expansion)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.drop_path = fraction("drop_path", drop_path)
        self.data_format = image_format(data_format)
        self.seed = seed

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, self.data_format)
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
