"""`data_format`: all mathematics here is channels-last."""

import keras
from keras import ops

from keras_hadamard._core.checks import one_of, received
from keras_hadamard._core.typing import Shape, Tensor


def channels_axis(data_format: str) -> int:
    one_of("data_format", data_format, ("channels_last", "channels_first"))
    return -1 if data_format == "channels_last" else 1


def to_last(x: Tensor, data_format: str, back: bool = False) -> Tensor:
    """Moves the channels to the last axis, or back to their axis in `data_format`."""
    if data_format == "channels_last" or len(x.shape) < 3:
        return x
    return ops.moveaxis(x, -1, 1) if back else ops.moveaxis(x, 1, -1)


def to_last_shape(shape: Shape, data_format: str, back: bool = False) -> Shape:
    """The shape that `to_last` gives."""
    if data_format == "channels_last" or len(shape) < 3:
        return tuple(shape)
    batch, *rest = shape
    return (batch, rest[-1], *rest[:-1]) if back else (batch, *rest[1:], rest[0])


def image_format(data_format: str | None) -> str:
    """`data_format` as Keras resolves it."""
    resolved = str(keras.config.image_data_format() if data_format is None else data_format)
    channels_axis(resolved)
    return resolved


def check_image_shape(input_shape: Shape, data_format: str) -> Shape:
    """Checks the shape of an image of known channels, and returns it channels-last."""
    if len(input_shape) != 4 or input_shape[channels_axis(data_format)] is None:
        raise received("an image of known channels", shape=input_shape)
    return to_last_shape(input_shape, data_format)
