"""The axis of the channels, in any position."""

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Shape


def channel_axis(input_shape: Shape, axis: int = -1) -> int:
    """An axis counted from the first, after a check that its number of channels is known."""
    rank = len(input_shape)
    found = axis % rank if -rank <= axis < rank else 0
    if not found or input_shape[found] is None:
        raise received(
            "known channels at an axis after the batch's", shape=tuple(input_shape), axis=axis
        )
    return found
