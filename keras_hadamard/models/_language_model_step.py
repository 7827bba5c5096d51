"""One step of a language model as a layer."""

from typing import Any

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor


@serializable
class LanguageModelStep(keras.layers.Layer):
    """The `step` of a language model: `[token, *states]` to a dict of scores and states."""

    def __init__(self, model: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        # States are more precise than the compute dtype.
        self.autocast = False

    def call(self, inputs: list[Tensor]) -> dict[str, Tensor]:
        token, *states = inputs
        scores, after = self.model.step(token, states)
        return {"next": scores, **{f"state_{i}": state for i, state in enumerate(after)}}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LanguageModelStep":
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})
