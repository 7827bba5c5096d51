"""`data_format`: all mathematics here is channels-last."""

from keras import ops

from keras_hadamard._checks import one_of
from keras_hadamard._typing import Tensor


def channels_axis(data_format: str) -> int:
    one_of("data_format", data_format, ("channels_last", "channels_first"))
    return -1 if data_format == "channels_last" else 1


def to_last(x: Tensor, data_format: str, back: bool = False) -> Tensor:
    """Moves the channels to the last axis, or back to where `data_format` has them."""
    if data_format == "channels_last" or len(x.shape) < 3:
        return x
    return ops.moveaxis(x, -1, 1) if back else ops.moveaxis(x, 1, -1)
