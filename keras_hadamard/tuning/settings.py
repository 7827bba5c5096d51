"""What a search is asked to do."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_hadamard._checks import received

ALGORITHMS = ("random", "bayesian", "hyperband", "grid")
SPACES = ("fusion", "gating", "attention", "pruning")
DEFAULT_SPACES = SPACES[:2]
# With the seeds of finalists added, NumPy's limit of 2**32 is far.
LIMIT = 2**31
LEAST = {"max_trials": 1, "epochs": 1, "batch_size": 1, "seeds": 3, "seed": 0}


class SearchError(ValueError):
    """A search that cannot be run as it was asked for; the message is one line.

    Example:

    >>> from keras_hadamard import tuning
    >>> try:
    ...     tuning.SearchSettings("digits_vqa", max_trials=0)
    ... except tuning.SearchError as error:
    ...     print(error)
    Expected max_trials to be an integer of at least 1. Received: value=0
    """


@dataclass(frozen=True)
class SearchSettings:
    """What `search` is to do.

    Args:
        dataset: String, as `keras_hadamard.datasets.load_arrays` takes it.
        out: Path of the run's folder. Defaults to `None`, `runs/<dataset>`.
        algorithm: String, `"random"`, `"bayesian"`, `"hyperband"` or `"grid"`. Defaults to
            `"random"`.
        spaces: Tuple of `"fusion"`, `"gating"`, `"attention"` and `"pruning"`. Defaults to
            `("fusion", "gating")`.
        max_trials: Positive integer, the baseline included. Defaults to `12`.
        epochs: Positive integer, the most for one training. Defaults to `8`.
        budget: Seconds of wall time for the whole search. Defaults to `None`, no limit.
        seed: Integer that is not negative. Defaults to `0`.
        batch_size: Positive integer. Defaults to `128`.
        seeds: Integer of three or more, how often each finalist is trained. Defaults to `3`.
        data_dir: Path where TFDS keeps prepared data. Defaults to `None`, TFDS's own.

    Raises:
        SearchError: If a value is not as described.

    Example:

    >>> from keras_hadamard.tuning import SearchSettings
    >>> str(SearchSettings("digits_vqa", max_trials=6).folder)
    'runs/digits_vqa'
    """

    dataset: str
    out: str | Path | None = None
    algorithm: str = "random"
    spaces: tuple[str, ...] = DEFAULT_SPACES
    max_trials: int = 12
    epochs: int = 8
    budget: float | None = None
    seed: int = 0
    batch_size: int = 128
    seeds: int = 3
    data_dir: str | Path | None = None
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise _wrong(f"the algorithm to be one of {', '.join(ALGORITHMS)}", self.algorithm)
        if not self.spaces or not set(self.spaces) <= set(SPACES):
            raise _wrong(f"the space to be some of {', '.join(SPACES)}", ",".join(self.spaces))
        for name, least in LEAST.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not least <= value < LIMIT:
                raise _wrong(f"{name} to be an integer of at least {least}", value)
        if self.budget is not None and not self.budget > 0:
            raise _wrong("the budget to be a positive time", self.budget)
        # The order in which spaces are named means nothing, so it must not tell two runs apart.
        object.__setattr__(self, "spaces", tuple(s for s in SPACES if s in self.spaces))
        name = Path(str(self.dataset)).stem if self.out is None else ""
        name = re.sub(r"[^\w.-]+", "_", name) or "search"
        folder = Path("runs") / name if self.out is None else Path(self.out)
        object.__setattr__(self, "folder", folder)


def _wrong(expected: str, value: Any) -> SearchError:
    return SearchError(str(received(expected, value=value)))
