"""Filters as long as the sequence, computed from positions by a small network."""

import itertools
import math
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.ops._sine import sine

# The shares of the longest sequence after which the fastest and the slowest channel have decayed to
# `TARGET`, as in the authors' code.
FAST, SLOW, TARGET = 0.3, 1.5, 0.01


@serializable
class FilterDense(keras.layers.Dense):
    """A dense layer that keeps its precision when a model is quantised, as Keras's subclasses do.

    There are few of these weights, and the sine of a large phase needs its digits.
    """


class ImplicitFilter(BaseLayer):
    """Networks with sines, `count` of them with the same frequencies, times a decaying window.

    `h(t) = (W_n sin(f * (W_(n-1) ... sin(f * (W_0 p(t)))))) * (exp(-d t) + shift)`, where `p(t)` is
    the position and its sines and cosines.
    """

    def __init__(
        self,
        channels: int,
        count: int = 1,
        *,
        max_length: int,
        width: int,
        depth: int,
        bands: int,
        frequency: float,
        shift: float,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.count = count
        self.width = width
        self.depth = depth
        self.frequency = frequency
        steps = np.arange(max_length)[:, None]
        part = steps / max(1, max_length - 1)
        phase = np.linspace(1e-4, bands - 1, bands) * steps * (2 * math.pi / max_length)
        self._positions = np.concatenate([part, np.cos(phase), -np.sin(phase)], axis=-1)
        decays = -math.log(TARGET) * np.linspace(1 / SLOW, 1 / FAST, channels)
        self._window = np.exp(-decays * part) + shift

    def build(self, input_shape: Shape = ()) -> None:
        del input_shape
        sizes = [self._positions.shape[-1], *[self.width] * (self.depth + 1), self.channels]
        # Those of a filter one after the other.
        self.networks = [
            self.project(
                out,
                f"filter_{number}_{layer}",
                use_bias=layer < len(sizes) - 2,
                kind=FilterDense,
                input_shape=(None, into),
            )
            for number in range(self.count)
            for layer, (into, out) in enumerate(itertools.pairwise(sizes))
        ]
        self.frequencies = self.add_weight(
            name="frequencies",
            shape=(self.width,),
            initializer=keras.initializers.Constant(self.frequency),
            autocast=False,
        )

    def taps(self, length: Any) -> list[Tensor]:
        """The filters of `length` steps, each `(length, channels)`."""
        x, window = (
            ops.convert_to_tensor(table, self.compute_dtype)[:length]
            for table in (self._positions, self._window)
        )
        size = len(self.networks) // self.count
        filters = [self.networks[n * size : (n + 1) * size] for n in range(self.count)]
        return [self._network(layers, x) * window for layers in filters]

    def _network(self, layers: list[Any], x: Tensor) -> Tensor:
        *hidden, last = layers
        for layer in hidden:
            x = sine(self.frequencies * layer(x))
        return last(x)
