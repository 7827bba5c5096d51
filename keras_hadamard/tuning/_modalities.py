"""An input of a hypermodel, with the searchable parts of its encoder."""

from collections.abc import Iterable
from typing import Any

import keras

from keras_hadamard import layers
from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning.encoders import convolve, embed, normalize
from keras_hadamard.tuning.fields import Field
from keras_hadamard.tuning.gating_space import gating_space
from keras_hadamard.tuning.high_order_space import high_order_space
from keras_hadamard.tuning.recurrence_space import recurrence_space
from keras_hadamard.tuning.token_mixer_space import token_mixer_space

Layers = dict[str, keras.layers.Layer]
# The width of tokens and of backbones of token mixers.
TOKEN_UNITS = 64
MIXED = {"image": "image", "tokens": "sequence"}


class Modality:
    """A named input: the names of its parameters and layers begin with its name."""

    def __init__(self, name: str, spec: Any) -> None:
        self.name = name
        self.field = Field.of(name, spec)

    def declare(self, hp: Any, spaces: Iterable[str], units: int) -> Layers:
        """Declares the searched parts of the encoder, and makes their layers."""
        made: Layers = {}
        kind = self.field.kind
        if kind == "image" and "channel_attention" in spaces:
            name = f"{self.name}_channel_attention"
            made["channel_attention"] = gating_space(hp, on="image", name=name)
        if kind in MIXED and "token_mixer" in spaces:
            name = f"{self.name}_token_mixer"
            made["token_mixer"] = token_mixer_space(
                hp, units=TOKEN_UNITS, on=MIXED[kind], name=name
            )
        if kind == "tokens" and "recurrence" in spaces:
            name = f"{self.name}_recurrence"
            made["recurrence"] = recurrence_space(hp, units=units, name=name)
        if "high_order" in spaces:
            name = f"{self.name}_high_order"
            made["high_order"] = high_order_space(hp, units=units, name=name)
        return made

    def encode(self, parts: Layers, units: int) -> tuple[Tensor, Tensor]:
        """The input, and its encoding of width `units`, through the declared layers."""
        inputs = keras.Input(self.field.shape, dtype=self.field.dtype, name=self.name)
        last = parts.get("high_order")
        if self.field.kind == "tokens":
            x = self._tokens(inputs, parts, units)
            return inputs, x if last is None else last(x)
        if self.field.kind == "image":
            after = [parts.get("channel_attention"), parts.get("token_mixer")]
            x = convolve(inputs, self.field, self.name, after)
        elif self.field.kind == "fields":
            x = embed(inputs, self.field, self.name)
        else:
            x = normalize(inputs, self.field, self.name)
        return inputs, (self._dense(units) if last is None else last)(x)

    def _tokens(self, inputs: Tensor, parts: Layers, units: int) -> Tensor:
        """A vector of tokens: by a recurrence, or the mean of the mixed tokens."""
        x = keras.layers.Embedding(
            self.field.vocabulary_size, TOKEN_UNITS, mask_zero=True, name=f"{self.name}_embedding"
        )(inputs)
        mixer, recurrence = parts.get("token_mixer"), parts.get("recurrence")
        x = x if mixer is None else mixer(x)
        if recurrence is not None:
            return recurrence(x)
        if mixer is None:
            return layers.MinGRU(units, name=f"{self.name}_min_gru")(x)
        pooled = keras.layers.GlobalAveragePooling1D(name=f"{self.name}_pool")(x)
        return self._dense(units)(pooled)

    def _dense(self, units: int) -> keras.layers.Layer:
        return keras.layers.Dense(units, activation="relu", name=f"{self.name}_dense")
