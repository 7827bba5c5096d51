"""Helpers of the image networks."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.typing import Initializer, Tensor
from keras_hadamard.layers._centered import CenteredConv2D
from keras_hadamard.layers._fan_in import FanInUniform


def drop_path_rates(rate: float, blocks: Sequence[int]) -> list[list[float]]:
    """Rates that grow linearly from zero in the first block to `rate` in the last, by stage."""
    rate, total = fraction("drop_path", rate), sum(blocks)
    rates = iter([rate * i / max(1, total - 1) for i in range(total)])
    return [[next(rates) for _ in range(count)] for count in blocks]


def stage_sizes(name: str, sizes: Any) -> tuple[int, ...]:
    """One positive integer per stage, for at least one stage."""
    if not isinstance(sizes, list | tuple) or not sizes:
        raise received(f"`{name}` to be a sequence of integers", **{name: sizes})
    return tuple(positive_int(name, size) for size in sizes)


def patches(
    x: Tensor,
    filters: int,
    size: int,
    name: str,
    kernel_initializer: Initializer,
    bias_initializer: Initializer = "zeros",
) -> tuple[Tensor, keras.layers.Conv2D]:
    """A convolution of pixels that do not overlap, and its layer."""
    layer = keras.layers.Conv2D(
        filters,
        size,
        size,
        kernel_initializer=kernel_initializer,
        bias_initializer=bias_initializer,
        data_format="channels_last",
        name=name,
    )
    return layer(x), layer


def overlapping_patches(
    x: Tensor, filters: int, size: int, strides: int, name: str, padding: str = "same"
) -> tuple[Tensor, keras.layers.Conv2D]:
    """A centred convolution that is initialised as in PyTorch, and its layer."""
    layer = CenteredConv2D(
        filters,
        size,
        strides,
        padding=padding,
        kernel_initializer=FanInUniform(),
        bias_initializer=FanInUniform(size**2 * x.shape[-1]),
        data_format="channels_last",
        name=name,
    )
    return layer(x), layer


def of_stages(name: str, value: Any, stages: int) -> tuple[Any, ...]:
    """One value per stage, from a sequence or from one value for all."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,) * stages
    if len(values) != stages:
        raise received(f"as many `{name}` as there are stages", **{name: value, "stages": stages})
    return values
