"""What the layers share that mix pixels by depthwise convolutions and by products."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._typing import Initializer, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.ops._precision import at_least_float32


class DepthwiseMixer(BaseLayer):
    """Base with an initialiser of the depthwise kernels, which start as PyTorch's do."""

    def __init__(self, depthwise_initializer: Initializer, **kwargs: Any) -> None:
        for name in ("kernel_initializer", "bias_initializer"):
            kwargs.setdefault(name, FanInUniform())
        super().__init__(**kwargs)
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depthwise_initializer": keras.initializers.serialize(self.depthwise_initializer),
        }


def multiplied(x: Tensor, y: Tensor) -> Tensor:
    """The product, in float32 of 16-bit factors, which a product of large ones overflows."""
    dtype = at_least_float32(x.dtype)
    return ops.cast(ops.cast(x, dtype) * ops.cast(y, dtype), x.dtype)
