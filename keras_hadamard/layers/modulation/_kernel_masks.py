"""Masks of kernels: as given, or by name."""

from typing import Any

import numpy as np

from keras_hadamard._core.checks import one_of, received

Mask = Any


def validate_mask(mask: Mask, names: tuple[str, ...]) -> Mask:
    """A name unchanged, and anything else as an array of zeros and ones."""
    if isinstance(mask, str):
        return one_of("mask", mask, names)
    array = np.asarray(mask)
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise received(f"`mask` to be an array of zeros and ones or one of {names}", mask=mask)
    return array.astype("uint8")


def mask_config(mask: Mask) -> Mask:
    return mask if isinstance(mask, str) else mask.tolist()


def dense_mask(name: str, width: int, units: int, features: int | None) -> np.ndarray:
    """The mask of a name, of shape (width, units)."""
    if name == "causal":
        if width != units:
            raise received("as many units as inputs for a causal mask", width=width, units=units)
        return np.triu(np.ones((width, units), "uint8"))
    if features is None:
        raise received(f"`features` for the mask {name!r}", features=features)
    if name == "made_input" and width != features:
        raise received("as many inputs as `features`", width=width, features=features)
    if name == "made_output" and units % features:
        raise received("a multiple of `features` as `units`", units=units, features=features)
    before = np.arange(1, features + 1) if name == "made_input" else _degrees(width, features)
    if name == "made_output":
        after = np.repeat(np.arange(1, features + 1), units // features)
        return (after > before[:, None]).astype("uint8")
    return (_degrees(units, features) >= before[:, None]).astype("uint8")


def _degrees(hidden: int, features: int) -> np.ndarray:
    """The number of first features that each hidden unit may see: 1, 2, ... and again from 1."""
    return 1 + np.arange(hidden) % max(1, features - 1)


def conv_mask(name: str, shape: tuple[int, ...], channel_groups: int) -> np.ndarray:
    """The mask of a name, of the shape of a kernel (rows, columns, channels, filters)."""
    rows, columns, channels, filters = shape
    if rows % 2 == 0 or columns % 2 == 0:
        raise received(f"an odd kernel for the mask {name!r}", kernel_size=(rows, columns))
    if channels % channel_groups or filters % channel_groups:
        raise received(
            "channels and filters to be multiples of `channel_groups`",
            channels=channels,
            filters=filters,
            channel_groups=channel_groups,
        )
    mask = np.zeros(shape, "uint8")
    row, column = rows // 2, columns // 2
    if name == "rows":
        mask[: row + 1] = 1
        return mask
    mask[:row] = 1
    mask[row, :column] = 1
    group_in, group_out = (np.arange(n) // (n // channel_groups) for n in (channels, filters))
    seen = np.less if name == "A" else np.less_equal
    mask[row, column] = seen(group_in[:, None], group_out)
    return mask
