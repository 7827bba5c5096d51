"""Encoders of raw columns as one input each: statistics of the training split, and layers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.typing import Tensor
from keras_hadamard.datasets._layers import Ids, Standardize
from keras_hadamard.datasets._statistics import Statistics, statistics_of
from keras_hadamard.datasets.input_spec import InputSpec

Raw = dict[str, np.ndarray]


class Encoder(ABC):
    """Makes the input `name` from the raw arrays of `columns`, which maps their keys to columns.

    Layers have explicit names, as Keras's automatic names may equal those of columns, and names
    must differ within a model.
    """

    name: str
    # The raw input, if there is only one.
    key: str = ""
    columns: dict[str, str]
    spec: InputSpec
    # A description of the encoding of each column.
    phrases: dict[str, str]
    # Whether the arrays differ from the raw ones.
    changes = True

    @abstractmethod
    def tensors(self) -> dict[str, keras.KerasTensor]:
        """The raw inputs."""

    @abstractmethod
    def encode(self, raw: Mapping[str, Tensor]) -> Tensor:
        """The input made from them by Keras layers."""

    def layer_name(self, role: str) -> str:
        # Keys never end in a dot.
        return f"{self.name}-{role}."


class VectorEncoder(Encoder):
    """Numbers of any rank, flattened and standardised; NaN is the mean and has an indicator."""

    def __init__(self, key: str, column: str, train: np.ndarray) -> None:
        self.key = self.name = key
        self.columns = {key: column}
        self.shape = train.shape[1:]
        flat = train.reshape(len(train), -1)
        known = statistics_of(flat)
        indicators = np.flatnonzero(known.missing)
        self.arguments = known.arguments(indicators.tolist())
        self.spec = InputSpec("vector", (flat.shape[1] + len(indicators),), normalized=True)
        self.phrases = {column: phrase_of(known, slice(None))}

    def tensors(self) -> dict[str, keras.KerasTensor]:
        return {self.key: keras.Input(self.shape, dtype="float32", name=self.key)}

    def encode(self, raw: Mapping[str, Tensor]) -> Tensor:
        flat = raw[self.key]
        if len(self.shape) != 1:
            shape = (int(np.prod(self.shape)),)
            flat = keras.layers.Reshape(shape, name=self.layer_name("flat"))(flat)
        name = self.layer_name("standard")
        return Standardize(**self.arguments, dtype="float32", name=name)(flat)


class ImageEncoder(Encoder):
    """Unsigned integers to [0, 1]; floats standardised by channel."""

    def __init__(self, key: str, column: str, train: np.ndarray, note: str = "") -> None:
        self.key = self.name = key
        self.columns = {key: column}
        self.shape, self.dtype = train.shape[1:], train.dtype.name
        shape = self.shape if len(self.shape) == 3 else (*self.shape, 1)
        self.pixels = self.dtype if train.dtype.kind == "u" else None
        self.arguments: dict[str, Any] = {}
        if self.pixels is None:
            known = statistics_of(train.reshape(-1, shape[-1]).astype("float32"))
            self.arguments = known.arguments(())
            # No clipping: bright spots are part of an image.
            self.arguments |= {"lower": None, "upper": None}
        self.spec = InputSpec("image", shape, pixels=self.pixels, normalized=self.pixels is None)
        how = "standardised by channel" if self.pixels is None else "pixels scaled to [0, 1]"
        self.phrases = {column: how + note}

    def tensors(self) -> dict[str, keras.KerasTensor]:
        dtype = self.pixels or "float32"
        return {self.key: keras.Input(self.shape, dtype=dtype, name=self.key)}

    def encode(self, raw: Mapping[str, Tensor]) -> Tensor:
        image = raw[self.key]
        if self.pixels is not None:
            scale = 1 / np.iinfo(self.pixels).max
            name = self.layer_name("scale")
            image = keras.layers.Rescaling(scale, dtype="float32", name=name)(image)
        if len(self.shape) == 2:
            name = self.layer_name("channel")
            image = keras.layers.Reshape((*self.shape, 1), name=name)(image)
        if self.pixels is None:
            name = self.layer_name("standard")
            image = Standardize(**self.arguments, dtype="float32", name=name)(image)
        return image


class TokensEncoder(Encoder):
    """Ids as they are."""

    changes = False

    def __init__(self, key: str, column: str, length: int, size: int) -> None:
        self.key = self.name = key
        self.columns = {key: column}
        self.spec = InputSpec("tokens", (length,), size)
        self.phrases = {column: f"ids below {size:,}"}

    def tensors(self) -> dict[str, keras.KerasTensor]:
        return {self.key: keras.Input(self.spec.shape, dtype="int32", name=self.key)}

    def encode(self, raw: Mapping[str, Tensor]) -> Tensor:
        return Ids(name=self.layer_name("ids"))(raw[self.key])


def phrase_of(known: Statistics, features: slice) -> str:
    """A description of what `Standardize` does to some features."""
    words = ["standardised"]
    clipped = np.flatnonzero(known.clipped[features])
    if len(clipped) == 1:
        lower, upper = (float(side[features][clipped[0]]) for side in (known.lower, known.upper))
        sides = [f"above {upper:.4g}"] * (upper < 3e38) + [f"below {lower:.4g}"] * (lower > -3e38)
        words.append(f"outliers {' and '.join(sides)} clipped")
    elif len(clipped):
        words.append(f"outliers of {len(clipped)} features clipped")
    missing = int(known.missing[features].sum())
    if missing:
        words.append("missing indicator" if missing == 1 else f"{missing} missing indicators")
    return ", ".join(words)
