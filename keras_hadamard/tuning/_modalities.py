"""An input of a hypermodel with what may be searched in its encoder."""

from collections.abc import Iterable
from typing import Any

import keras

from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning._classifier import Layers
from keras_hadamard.tuning.encoders import convolve
from keras_hadamard.tuning.fields import Field
from keras_hadamard.tuning.gating_space import gating_space
from keras_hadamard.tuning.high_order_space import high_order_space
from keras_hadamard.tuning.recurrence_space import recurrence_space
from keras_hadamard.tuning.token_mixer_space import token_mixer_space

# The width of tokens and of backbones of token mixers.
TOKEN_UNITS = 64


class Modality:
    """A named input: its parameters begin with its name."""

    def __init__(self, name: str, spec: Any) -> None:
        self.name = name
        self.field = Field.of(name, spec)

    def declare(self, hp: Any, spaces: Iterable[str], units: int) -> Layers:
        """Declares what is searched of the encoder, and makes its layers."""
        made: Layers = {}
        kind = self.field.kind
        if kind == "image" and "attention" in spaces:
            made["attention"] = gating_space(hp, on="image", name=f"{self.name}_attention")
        if kind in ("image", "tokens") and "token_mixer" in spaces:
            on = {"image": "image", "tokens": "sequence"}[kind]
            made["token_mixer"] = token_mixer_space(
                hp, units=TOKEN_UNITS, on=on, name=f"{self.name}_token_mixer"
            )
        if kind == "tokens":
            made["recurrence"] = recurrence_space(
                hp,
                units=units,
                include=None if "recurrence" in spaces else ["gru"],
                name=f"{self.name}_recurrence",
            )
        if kind == "vector" or "high_order" in spaces:
            made["high_order"] = high_order_space(
                hp,
                units=units,
                include=None if "high_order" in spaces else ["dense"],
                name=f"{self.name}_high_order",
            )
        return {f"{self.name}_{part}": layer for part, layer in made.items()}

    def encode(self, parts: Layers, units: int) -> tuple[Tensor, Tensor]:
        """The input, and a vector of it."""
        own = {part: parts.get(f"{self.name}_{part}") for part in ("attention", "token_mixer")}
        inputs = keras.Input(self.field.shape, dtype=self.field.dtype, name=self.name)
        if self.field.kind == "image":
            x = convolve(inputs, self.field, self.name, list(own.values()))
        elif self.field.kind == "tokens":
            x = keras.layers.Embedding(
                self.field.vocabulary_size,
                TOKEN_UNITS,
                mask_zero=True,
                name=f"{self.name}_embedding",
            )(inputs)
            x = x if own["token_mixer"] is None else own["token_mixer"](x)
            x = parts[f"{self.name}_recurrence"](x)
        else:
            x = keras.layers.BatchNormalization(name=f"{self.name}_normalization")(inputs)
        dense = parts.get(f"{self.name}_high_order")
        if dense is None and self.field.kind == "image":
            dense = keras.layers.Dense(units, activation="relu", name=f"{self.name}_dense")
        return inputs, x if dense is None else dense(x)
