"""Alignment of vectors, sequences and images position by position."""

from collections.abc import Sequence

from keras import ops

from keras_hadamard._core.typing import Tensor


def align(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Gives vectors the axes of the positions of the others."""
    rank = max(len(t.shape) for t in tensors)
    return [
        ops.expand_dims(t, tuple(range(1, 1 + rank - len(t.shape)))) if len(t.shape) < rank else t
        for t in tensors
    ]


def join(tensors: Sequence[Tensor]) -> Tensor:
    """Concatenates the features of aligned tensors."""
    # Unlike a product, a concatenation does not broadcast.
    full = max(tensors, key=lambda t: sum(n != 1 for n in t.shape[1:-1]))
    positions = ops.shape(full)[:-1]
    return ops.concatenate(
        [
            t
            if t.shape[1:-1] == full.shape[1:-1]
            else ops.broadcast_to(t, (*positions, t.shape[-1]))
            for t in tensors
        ],
        axis=-1,
    )


def prepend_one(x: Tensor) -> Tensor:
    """The features after a constant one, which keeps the features of the other modalities."""
    return ops.concatenate([ops.ones_like(x[..., :1]), x], axis=-1)
