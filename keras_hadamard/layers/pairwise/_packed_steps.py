"""Removal of masked steps from sequences, for mixers that count steps and not positions."""

from typing import Any

from keras import ops

from keras_hadamard._core.typing import Tensor


class PackedSteps:
    """Moves the valid steps of every sequence to its beginning, and back."""

    def __init__(self, mask: Tensor, length: Any) -> None:
        steps = ops.arange(length, dtype="int32")
        self.order = ops.argsort(ops.where(mask, steps, steps + length), axis=1)
        seen = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        self.count = seen[:, -1:]
        self.valid = steps < self.count
        self._place = ops.maximum(seen - 1, 0)

    def pack(self, x: Tensor, filler: float = 0.0) -> Tensor:
        """The valid steps, and `filler` after them."""
        packed = take_steps(x, self.order)
        return ops.where(self.valid[..., None], packed, ops.full_like(packed, filler))

    def unpack(self, x: Tensor) -> Tensor:
        """Valid steps at their positions; a masked one gets the last valid step before it."""
        return take_steps(x, self._place)


def take_steps(x: Tensor, steps: Tensor) -> Tensor:
    """The `steps`, (batch, n), of (batch, length, width), which differ between sequences."""
    where = ops.broadcast_to(steps[..., None], (*ops.shape(steps), x.shape[-1]))
    return ops.take_along_axis(x, where, axis=1)


def last(x: Tensor, before: Tensor, packed: PackedSteps | None) -> Tensor:
    """The state after the last valid step, or `before` if there is none."""
    if packed is None:
        return x[:, -1]
    return take_steps(ops.concatenate([before[:, None], x], axis=1), packed.count)[:, 0]
