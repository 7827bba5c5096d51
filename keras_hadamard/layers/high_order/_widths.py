"""Checks of inputs by their last axis."""

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Shape


def check_width(input_shape: Shape) -> None:
    """Raises unless the shape is that of features of known width."""
    if len(input_shape) < 2 or input_shape[-1] is None:
        raise received("an input (batch, ..., width) of known width", shape=input_shape)
