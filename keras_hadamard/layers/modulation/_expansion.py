"""Widths that are multiples of the number of channels."""

from typing import Any

from keras_hadamard._core.checks import non_negative, received


def expansion_ratio(name: str, value: Any) -> float:
    """A positive, finite ratio."""
    ratio = non_negative(name, value)
    if not 0 < ratio < float("inf"):
        raise received(f"`{name}` to be a positive number", **{name: value})
    return ratio


def expanded(channels: int, ratio: float, name: str) -> int:
    """The width `ratio * channels`, rounded down as in the published networks."""
    width = int(ratio * channels)
    if not width:
        raise received(
            f"a `{name}` by which a channel is left", **{name: ratio, "channels": channels}
        )
    return width
