"""How masks meet in a product."""

from collections.abc import Sequence

from keras import ops

from keras_hadamard._typing import Tensor


def all_of(masks: Sequence[Tensor | None] | Tensor | None) -> Tensor | None:
    """A position of a product is valid where it is valid in every factor that has a mask."""
    if not isinstance(masks, list | tuple):
        return masks
    given = [m for m in masks if m is not None]
    if not given:
        return None
    valid = given[0]
    for mask in given[1:]:
        valid = ops.logical_and(valid, mask)
    return valid


def masked_mean(x: Tensor, mask: Tensor | None, axes: tuple[int, ...]) -> Tensor:
    """The mean over `axes`, kept, of the valid positions; zero where there is none."""
    if mask is None:
        return ops.mean(x, axis=axes, keepdims=True)
    mask = ops.cast(ops.expand_dims(mask, -1), x.dtype)
    count = ops.maximum(ops.sum(mask, axis=axes, keepdims=True), 1)
    # Chosen, not multiplied: whatever stands at a masked position, a NaN too, stays out.
    return ops.sum(ops.where(mask > 0, x, 0), axis=axes, keepdims=True) / count
