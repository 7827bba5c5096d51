"""Base class of updates with a rank: the rank, and the scale of the update."""

import math
from typing import Any

import numpy as np

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard.adapters._adapter import Update


class RankedAdapter(Update):
    """An update with a rank and an alpha, which together give its scale."""

    def __init__(self, rank: int, alpha: float | None = None) -> None:
        self.rank = positive_int("rank", rank)
        self.alpha = _checked(alpha)

    @property
    def scale(self) -> float:
        """The factor of the update, `alpha / rank`, and 1 without an alpha."""
        return 1.0 if self.alpha is None else self.alpha / self.rank

    def get_config(self) -> dict[str, Any]:
        return {"rank": self.rank, "alpha": self.alpha}


def _checked(alpha: Any) -> float | None:
    if alpha is None:
        return None
    is_number = isinstance(alpha, (int, float, np.number)) and not isinstance(alpha, bool)
    if not is_number or not math.isfinite(alpha) or not alpha > 0:
        raise received("`alpha` to be a positive number or None", alpha=alpha)
    return float(alpha)
