"""A configuration of a layer, for the checks that all layers pass; `tests/cases` has them."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_hadamard import layers

VECTOR, SEQUENCE, IMAGE = (5,), (6, 5), (4, 3, 5)


@dataclass(frozen=True)
class LayerCase:
    """A layer and the shapes of its inputs, without the batch."""

    make: Callable[..., keras.layers.Layer]
    shapes: tuple[tuple[int, ...], ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    # What becomes of a sequence's mask.
    mask: str = "kept"
    # Whether outputs of masked positions may reach other positions.
    wrong_ranks: tuple[tuple[int, ...], ...] = ()
    # Whether the number of positions (or fields) has to be known.
    fixed: bool = False
    # Whether a batch of nothing works; TensorFlow's convolution gives it the input's channels.
    empty: bool = True
    # Whether the output is a signed square root: near zero, as rough as the root of rounding.
    sqrt_output: bool = False
    # For integer inputs: what all of them are below.
    integers: int | None = None
    # Arguments with which nothing random reaches a training step, but those with "drop" in them.
    deterministic_kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def many(self) -> bool:
        return len(self.shapes) > 1

    @property
    def dtype(self) -> str | None:
        return None if self.integers is None else "int32"

    def build(self, **kwargs: Any) -> keras.layers.Layer:
        return self.make(**{**self.kwargs, **kwargs})

    def inputs(self, batch: int = 3, seed: int = 0) -> Any:
        rng = np.random.default_rng(seed)
        sizes = [(batch, *s) for s in self.shapes]
        if self.integers is None:
            arrays = [rng.normal(size=size).astype("float32") for size in sizes]
        else:
            arrays = [rng.integers(0, self.integers, size, "int32") for size in sizes]
        return arrays if self.many else arrays[0]

    def arrays(self, batch: int = 3) -> list[Any]:
        """The inputs as a list, also where there is one."""
        inputs = self.inputs(batch)
        return list(inputs) if self.many else [inputs]

    def symbolic(self, dynamic: bool = False) -> Any:
        """Inputs of unknown batch, and of unknown length where they have one."""
        dynamic = dynamic and not self.fixed
        inputs = [
            keras.Input((None, *s[1:]) if dynamic and len(s) == 2 else s, dtype=self.dtype)
            for s in self.shapes
        ]
        return inputs if self.many else inputs[0]

    def model(self, dynamic: bool = False, **kwargs: Any) -> keras.Model:
        inputs = self.symbolic(dynamic)
        return keras.Model(inputs, self.build(**kwargs)(inputs))


def all_cases() -> dict[str, LayerCase]:
    import cases

    found: dict[str, LayerCase] = {}
    for module in pkgutil.iter_modules(cases.__path__):
        found |= importlib.import_module(f"cases.{module.name}").CASES
    return found


PUBLIC = {
    name: layer
    for name, layer in vars(layers).items()
    if inspect.isclass(layer) and issubclass(layer, keras.layers.Layer)
}
