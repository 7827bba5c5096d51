"""The examples of one split."""

from dataclasses import dataclass

import numpy as np

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """The examples of one split.

    Args:
        inputs: Dictionary from input name to array, all of one length: float32 for images and
            vectors, int32 for tokens and fields.
        targets: Array of that same length: int32 class indices; an int32 matrix of 0 and 1 for
            several labels; float32 numbers, or a matrix of them, for regression.
        groups: Integer array of that length, whose equal numbers mark rows that belong together:
            folds must not separate them. Defaults to `None`: each row is independent.

    Example:

    >>> import keras_hadamard, numpy as np
    >>> split = keras_hadamard.datasets.Split({"x": np.zeros((5, 3))}, np.zeros(5, int))
    >>> len(split)
    5
    """

    inputs: dict[str, np.ndarray]
    targets: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)
