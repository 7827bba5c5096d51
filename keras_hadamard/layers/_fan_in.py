"""PyTorch's default initialisation, which some published networks use."""

import math
from typing import Any

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, Shape


@serializable
class FanInUniform(keras.initializers.RandomUniform):
    """Uniform within one over the root of the fan-in, kernels and biases alike.

    The shape of a dense or convolution kernel determines the fan-in; that of a bias or of a
    depthwise kernel does not, so the layer that makes them passes it.
    """

    def __init__(self, fan_in: int | None = None, seed: Any = None) -> None:
        super().__init__(seed=seed)
        self.fan_in = fan_in

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        fan_in = math.prod(n or 0 for n in shape[:-1]) if self.fan_in is None else self.fan_in
        limit = 1 / math.sqrt(fan_in)
        return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"fan_in": self.fan_in, "seed": super().get_config()["seed"]}


def of_fan_in(initializer: Initializer, fan_in: int) -> Initializer:
    """The initialiser of a weight whose shape does not determine its fan-in."""
    if not isinstance(initializer, FanInUniform):
        return initializer
    return FanInUniform(**{**initializer.get_config(), "fan_in": fan_in})
