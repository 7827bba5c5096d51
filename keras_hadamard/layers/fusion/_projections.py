"""Projections of the modalities, and the dropout of them and of their product."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._dropout import dropped


def project_each(
    layer: BaseLayer,
    input_shape: Sequence[Shape],
    width: int,
    *,
    activation: Activation,
    blocks: int = 1,
    shared: bool = False,
) -> list[Any]:
    """Creates and builds a projection of width `width` for each input.

    `blocks` is the number of projections of an input in one kernel. If they are `shared`, all
    inputs, which then have one width, use the same.
    """
    widths = [shape[-1] for shape in input_shape]
    if shared and len(set(widths)) > 1:
        raise received("inputs of one width for shared projections", widths=widths)
    projections = [
        layer.project(
            width,
            f"projection_{i}",
            activation=activation,
            blocks=blocks,
            input_shape=tuple(shape),
        )
        for i, shape in enumerate(input_shape[:1] if shared else input_shape)
    ]
    return projections * len(input_shape) if shared else projections


def apply_each(
    projections: Sequence[Callable[[Tensor], Tensor]],
    inputs: Sequence[Tensor],
    dropout: keras.layers.Dropout,
    training: bool | None,
) -> list[Tensor]:
    """The aligned projections of the inputs, each after dropout."""
    return align(
        [
            dropped(dropout, project(x), training)
            for project, x in zip(projections, inputs, strict=True)
        ]
    )


def drop_product(
    dropout: keras.layers.Dropout, x: Tensor, y: Tensor, training: bool | None
) -> tuple[Tensor, Tensor]:
    """Two aligned factors, one of them after the dropout of their product.

    Dropping an entry of one factor drops the product, which need not be formed.
    """
    if y.shape[1:-1] != x.shape[1:-1] and all(n == 1 for n in x.shape[1:-1]):
        x, y = y, x  # A vector is broadcast; each of its products is dropped separately.
    return dropped(dropout, x, training), y


def dropout_layer(
    layer: keras.layers.Layer, rate: float, name: str, seed: int | None, offset: int = 0
) -> keras.layers.Dropout:
    """A dropout inside a layer; `offset` separates those that share a seed."""
    seed = None if seed is None else seed + offset
    return keras.layers.Dropout(rate, seed=seed, dtype=layer.dtype_policy, name=name)
