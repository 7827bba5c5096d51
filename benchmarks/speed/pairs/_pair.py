"""The pair of a layer and its reference."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class Pair:
    """A layer of ours and the function of Keras tensors that is the same equation."""

    ours: Callable[[], Any]
    plain: Callable[[Any], Any]
    shapes: tuple[tuple[int, ...], ...]
    # Unless vectors are wide and cheap: how many examples are run at once.
    batch: int | None = None


def sum_of(axis: int) -> keras.layers.Layer:
    """The sum over an axis, which Keras has no layer for."""
    return keras.layers.Lambda(functools.partial(keras.ops.sum, axis=axis))


def pooled(x: Any, factor: int) -> Any:
    """Sums over groups of neighbours."""
    groups = keras.layers.Reshape((x.shape[-1] // factor, factor))(x)
    return sum_of(-1)(groups)


def modulated(x: Any, condition: Any) -> Any:
    """Scale and shift by dense layers of the condition, the one of the scale in its bias."""
    shape = (*[1] * (len(x.shape) - 2), -1)
    scale = keras.layers.Dense(x.shape[-1], bias_initializer="ones")(condition)
    scale, shift = (
        keras.layers.Reshape(shape)(y) for y in (scale, keras.layers.Dense(x.shape[-1])(condition))
    )
    return keras.layers.Add()([keras.layers.Multiply()([x, scale]), shift])


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Scale(keras.layers.Layer):
    """A learned scalar, which Keras has no layer for."""

    def build(self, input_shape: Any) -> None:
        del input_shape
        self.scale = self.add_weight(name="scale", shape=(), initializer="zeros")

    def call(self, x: Any) -> Any:
        return self.scale * x
