"""The task and the targets of a data set."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Targets:
    """The task, its names, and the targets by split."""

    task: str
    classes: tuple[str, ...]
    splits: dict[str, np.ndarray]

    @property
    def labelled(self) -> bool:
        return self.task in ("binary", "multiclass")
