"""What a search is asked to do."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_hadamard._core.checks import received

ALGORITHMS = ("random", "bayesian", "hyperband", "grid")
SPACES = ("fusion", "gating", "attention", "token_mixer", "pruning")
DEFAULT_SPACES = SPACES[:2]
STRATEGIES = ("mirrored", "multiworker")
# With the seeds of finalists added, NumPy's limit of 2**32 is far.
LIMIT = 2**31
# What a trial may not exceed, or it is not trained.
LIMITS = ("max_parameters", "max_latency_ms", "max_macs", "max_exported_mb")
# What a score may be weighed against, by the limit that has it measured.
COSTS = {"parameters": "max_parameters", "macs": "max_macs", "exported": "max_exported_mb"}
LEAST = {
    "max_trials": 1,
    "epochs": 1,
    "batch_size": 1,
    "seeds": 3,
    "seed": 0,
    "workers": 0,
    "folds": 0,
}


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
        spaces: Tuple of `"fusion"`, `"gating"`, `"attention"`, `"token_mixer"` and `"pruning"`.
            Defaults to `("fusion", "gating")`.
        max_trials: Positive integer, the baseline included. Defaults to `12`.
        epochs: Positive integer, the most for one training. Defaults to `8`.
        budget: Seconds of wall time for the whole search. Defaults to `None`, no limit.
        seed: Integer that is not negative. Defaults to `0`.
        batch_size: Positive integer. Defaults to `128`.
        seeds: Integer of three or more, how often each finalist is trained. Defaults to `3`.
        latency_weight: Number that is not negative, how much validation accuracy twice the latency
            is worth: trials are ranked by `score - latency_weight * log2(milliseconds)`, of one
            example on this machine. With 0 the score alone counts. Defaults to `0.0`.
        weights: Dict from `"parameters"`, `"macs"` (multiplications of one example) and
            `"exported"` (megabytes) to what twice as much of it is worth in accuracy, as
            `latency_weight` says it of the latency. Defaults to `None`, they cost nothing.
        folds: Integer of two or more, into how many parts training and validation examples are
            split for cross-validation: a trial's score is the mean of as many trainings. Finalists
            are trained on the data set's own split. With 0 trials are, too. Defaults to `0`.
        match_parameters: Positive integer, the most trainable parameters of a model, with which
            each is as wide as that allows, the baseline too: kinds are compared and not sizes.
            Defaults to `None`: fusions draw their widths, and the rest has one.
        data_dir: Path where TFDS keeps prepared data. Defaults to `None`, TFDS's own.
        workers: Integer that is not negative, how many processes of this machine run the trials,
            each renewed after ten of them, so that their memory is given back; one that dies, for
            instance out of memory, gives its trial to another. Defaults to `0`: they run here.
        chief: String, the address `host:port` at which workers of other machines are served as
            well, see `keras-hadamard search --worker`. Whoever reaches it is trusted. Defaults to
            `None`.
        lease: Seconds after which a trial whose worker is silent goes to another one. Defaults to
            `60.0`.
        max_trial_seconds: Seconds after which the training of a trial ends with what it has.
            Defaults to `None`, no limit.
        max_parameters: Positive integer, the most parameters of a model. A trial beyond a limit is
            recorded without a training; the baseline is trained in any case, and is never the best
            beyond a limit. Defaults to `None`, no limit.
        max_latency_ms: Number, the most milliseconds of one example on the machine of the training.
            Defaults to `None`, no limit.
        max_macs: Positive integer, the most multiplications for one example, see
            `serving.multiply_accumulates`. Defaults to `None`, no limit.
        max_exported_mb: Number, the most megabytes of the exported model. Defaults to `None`, no
            limit.
        strategy: `"mirrored"`, with which a training runs on all accelerators, or on all logical
            CPUs where there are none, or `"multiworker"`, with which it runs in all processes of
            `TF_CONFIG`, on one device each: the first calls `search`, the others `follow`; not with
            workers, folds or pruning. Defaults to `None`, one device.
        tensorboard: Boolean, whether `tensorboard/` in the folder gets a log of each trial, for
            TensorBoard's HParams page. Defaults to `False`.

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
    latency_weight: float = 0.0
    weights: Mapping[str, float] | None = None
    folds: int = 0
    match_parameters: int | None = None
    data_dir: str | Path | None = None
    workers: int = 0
    chief: str | None = None
    lease: float = 60.0
    max_trial_seconds: float | None = None
    max_parameters: int | None = None
    max_latency_ms: float | None = None
    max_macs: int | None = None
    max_exported_mb: float | None = None
    strategy: str | None = None
    tensorboard: bool = False
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
        for name in ("lease", "max_trial_seconds", "match_parameters", *LIMITS):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise _wrong(f"{name} to be a positive number", value)
        if self.strategy not in (None, *STRATEGIES):
            raise _wrong(f"the strategy to be one of {', '.join(STRATEGIES)}", self.strategy)
        if self.strategy == "multiworker":
            if self.distributed:
                raise _wrong("no workers of a chief with multiworker", self.chief or self.workers)
            if self.folds:
                raise _wrong("no folds with multiworker", self.folds)
            if "pruning" in self.spaces:
                raise _wrong("spaces without pruning for multiworker", ",".join(self.spaces))
        if self.folds == 1:
            raise _wrong("folds to be two or more, or 0", self.folds)
        if self.chief is not None and not re.fullmatch(r".+:\d{1,5}", self.chief):
            raise _wrong("the chief to be an address host:port", self.chief)
        weight = self.latency_weight
        real = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not real or not 0 <= weight < math.inf:
            raise _wrong("latency_weight to be a number that is not negative", weight)
        for name, value in (self.weights or {}).items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if name not in COSTS or not number or not 0 <= value < math.inf:
                raise _wrong(f"weights of {', '.join(COSTS)}, not negative", self.weights)
        object.__setattr__(self, "weights", dict(self.weights or {}) or None)
        # The order in which spaces are named means nothing, so it must not tell two runs apart.
        object.__setattr__(self, "spaces", tuple(s for s in SPACES if s in self.spaces))
        name = Path(str(self.dataset)).stem if self.out is None else ""
        name = re.sub(r"[^\w.-]+", "_", name) or "search"
        folder = Path("runs") / name if self.out is None else Path(self.out)
        object.__setattr__(self, "folder", folder)

    @property
    def distributed(self) -> bool:
        """Whether trials are run by other processes."""
        return self.workers > 0 or self.chief is not None

    @property
    def limits(self) -> dict[str, float | None]:
        """The limits of a training, by their names; None for what is measured without a limit."""
        named = {n: getattr(self, n) for n in ("max_trial_seconds", *LIMITS)}
        weighed = {COSTS[name] for name in self.weights or {}}
        return {n: v for n, v in named.items() if v is not None or n in weighed}


def _wrong(expected: str, value: Any) -> SearchError:
    return SearchError(str(received(expected, value=value)))
