"""Arithmetic of masks: their product, and sums and softmax without masked positions."""

from collections.abc import Sequence

from keras import ops

from keras_hadamard._core.typing import Tensor

# The logit of masked entries. It is finite, so that differences are numbers.
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
    """The mean of the valid positions over `axes`, which are kept; zero if there is none."""
    if mask is None:
        return ops.mean(x, axis=axes, keepdims=True)
    mask = ops.cast(ops.expand_dims(mask, -1), x.dtype)
    count = ops.maximum(ops.sum(mask, axis=axes, keepdims=True), 1)
    # Selected, not multiplied, so that even a NaN at a masked position has no effect.
    return ops.sum(ops.where(mask > 0, x, 0), axis=axes, keepdims=True) / count


def apply_mask(x: Tensor, mask: Tensor | None) -> Tensor:
    """`x` with zeros at masked positions: selected, so that a NaN there has no effect.

    Applied before any computation, it keeps the gradients free of NaN too. Tensors without features
    at each position, such as ids or vectors, are not changed.
    """
    if mask is None or len(x.shape) <= len(mask.shape):
        return x
    return ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), x, ops.zeros_like(x))


def masked_softmax(logits: Tensor, valid: Tensor | None, axes: int | tuple[int, ...]) -> Tensor:
    """The softmax of the valid entries over `axes`; zero if there is none.

    The greatest logit is subtracted, not the logarithm of a sum, whose rounding errors would be in
    all shares. Keras's own softmax warns of a single entry, and needs a known batch size over two
    axes.
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
