"""A mixer of sequences on the pixels of an image."""

import math
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer


@serializable
class OverPixels(KernelFreeLayer):
    """A mixer of sequences on an image (batch, height, width, channels), row after row."""

    def __init__(self, mixer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mixer = mixer

    def build(self, input_shape: Shape) -> None:
        batch, *sides, channels = input_shape
        pixels = None if None in sides else math.prod(side or 0 for side in sides)
        if not self.mixer.built:  # It is deserialised already.
            self.mixer.build((batch, pixels, channels))

    def call(self, inputs: Tensor) -> Tensor:
        *sides, channels = inputs.shape[1:]
        pixels = -1 if None in sides else math.prod(sides)
        mixed = self.mixer(ops.reshape(inputs, (-1, pixels, channels)))
        return ops.reshape(mixed, ops.shape(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mixer": keras.saving.serialize_keras_object(self.mixer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OverPixels":
        mixer = keras.saving.deserialize_keras_object(config["mixer"])
        layer: OverPixels = super().from_config({**config, "mixer": mixer})
        return layer
