"""What a layer is measured against."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pair:
    """A layer of ours and the function of Keras tensors that is the same equation."""

    ours: Callable[[], Any]
    plain: Callable[[Any], Any]
    shapes: tuple[tuple[int, ...], ...]
    # Unless vectors are wide and cheap: how many examples are run at once.
    batch: int | None = None
