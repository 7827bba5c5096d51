"""Arithmetic of masks: their product, and sums and softmax without masked positions."""

from collections.abc import Sequence

from keras import ops

from keras_hadamard._core.typing import Tensor

# The logit of what does not count. It is finite, so that differences are numbers.
NOTHING = -1e30


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


def apply_mask(x: Tensor, mask: Tensor | None) -> Tensor:
    """`x` with zeros at masked positions: chosen, so that a NaN there reaches nothing.

    Taken before anything is computed, it keeps the gradients free of it too. What has no features
    at each position, as ids and vectors beside a sequence, is left as it is.
    """
    if mask is None or len(x.shape) <= len(mask.shape):
        return x
    return ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), x, ops.zeros_like(x))


def masked_softmax(logits: Tensor, valid: Tensor | None, axes: int | tuple[int, ...]) -> Tensor:
    """The softmax over `axes` of the valid entries; zero where there is none.

    The greatest logit is subtracted, not the logarithm of a sum: that has rounding errors of its
    size, which the shares then have in common. Keras's own softmax warns of a single entry, and
    over two axes needs a batch that is known.
    """
    if valid is not None:
        logits = ops.where(valid, logits, NOTHING)
    greatest = ops.max(logits, axis=axes, keepdims=True, initial=NOTHING)
    each = ops.exp(logits - ops.stop_gradient(greatest))
    if valid is None:
        return each / ops.sum(each, axis=axes, keepdims=True)
    each = ops.where(valid, each, 0)
    total = ops.sum(each, axis=axes, keepdims=True)
    return each / ops.where(total > 0, total, 1)
