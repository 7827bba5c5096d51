"""Base class of mixers of pixels by depthwise convolutions, and their product."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import check_image_shape, image_format
from keras_hadamard.layers._fan_in import FanInUniform


class ImageMixer(BaseLayer):
    """Base of image mixers: the initializers, which are PyTorch's, `data_format`, and the shape."""

    def __init__(
        self,
        depthwise_initializer: Initializer,
        data_format: str | None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", FanInUniform())
        kwargs.setdefault("bias_initializer", FanInUniform())
        super().__init__(**kwargs)
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)
        self.data_format = image_format(data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_image_shape(input_shape, self.data_format)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depthwise_initializer": keras.initializers.serialize(self.depthwise_initializer),
            "data_format": self.data_format,
        }


def float32_product(x: Tensor, y: Tensor) -> Tensor:
    """The product, in float32 for 16-bit factors, whose product may overflow."""
    dtype = accumulation_dtype(x.dtype)
    return ops.cast(ops.cast(x, dtype) * ops.cast(y, dtype), x.dtype)
