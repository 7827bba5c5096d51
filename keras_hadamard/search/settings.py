"""What a search is asked to do. An option stands here and nowhere else.

Its field has what the command line, the checks and the identity of a run make of it.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

# The command line reads both files by themselves, see `options`.
from .options import (
    FILE,
    NAMES,
    NATURAL,
    NUMBER,
    PATH,
    POSITIVE,
    SECONDS,
    SHARES,
    SWITCH,
    TEXT,
    WEIGHT,
    Kind,
    at_least,
    one_of,
    option,
    pairs,
    some_of,
)

ALGORITHMS = ("random", "bayesian", "hyperband", "grid")
SPACES = (
    "fusion",
    "gating",
    "high_order",
    "channel_attention",
    "token_mixer",
    "recurrence",
    "pruning",
)
TASKS = ("binary", "multiclass", "multilabel", "regression")
KINDS = ("number", "category", "text", "image", "tokens", "date", "id", "drop")
OBJECTIVES = (
    "accuracy",
    "balanced_accuracy",
    "auc",
    "average_precision",
    "f1",
    "log_loss",
    "rmse",
    "mae",
    "r2",
)
# What a trial may not exceed, or it is not trained.
LIMITS = ("max_parameters", "max_latency_ms", "max_macs", "max_exported_mb")
# What a score may be weighed against, by the limit that has it measured.
COSTS = {"parameters": "max_parameters", "macs": "max_macs", "exported": "max_exported_mb"}
RESOURCES = ("cpu", "gpu", "memory")
SOURCE = Kind("a data set", lambda value: value is not None)


class SearchError(ValueError):
    """A search that cannot be run as it was asked for; the message is one line.

    Example:

    >>> from keras_hadamard import search
    >>> try:
    ...     search.SearchSettings("digits_vqa", max_trials=0)
    ... except search.SearchError as error:
    ...     print(error)
    Expected max_trials to be a positive integer. Received: max_trials=0
    """


@dataclass(frozen=True)
class SearchSettings:
    """What a search is to do."""

    dataset: Any = option(
        SOURCE,
        "the data: a CSV, TSV, Parquet, Feather or JSON-lines file, a folder of images by class, "
        "a .npz file, a folder of .npy files, digits_vqa, sort_of_clevr or a TFDS name; in Python "
        "also a pandas.DataFrame or a dict of arrays",
    )
    out: str | Path | None = option(
        PATH, "the run's folder", None, identity=False, shown="runs/DATASET"
    )
    target: str | tuple[str, ...] | None = option(
        NAMES,
        "what is to be predicted, by the names of its columns",
        None,
        shown="target, label, class or y",
    )
    kinds: Mapping[str, str] | None = option(
        pairs(None, KINDS, f"columns and kinds, of {', '.join(KINDS)}", "COLUMN=KIND"),
        f"what a column is, of {', '.join(KINDS)}; may be repeated",
        None,
        flag="kind",
        shown="found out",
    )
    task: str | None = option(one_of(*TASKS), "what is predicted", None, shown="found out")
    objective: str | None = option(
        one_of(*OBJECTIVES),
        "what trials are judged by, on validation",
        None,
        shown="accuracy, auc where one of two classes is rare, average_precision for labels, rmse "
        "for numbers",
    )
    class_weight: str | None = option(
        one_of("balanced"), "balanced: rare classes count as much as frequent ones", None
    )
    test: Any = option(FILE, "the test split, of the same columns", None, shown="drawn")
    shares: tuple[float, float] = option(
        SHARES, "shares of the rows that become validation and test", (0.15, 0.15)
    )
    group: str | None = option(TEXT, "a column whose equal values stay in one split", None)
    time: str | None = option(TEXT, "a column by which the past trains, and the future tests", None)
    algorithm: str = option(one_of(*ALGORITHMS), "how trials are chosen", "random")
    spaces: tuple[str, ...] | None = option(
        some_of(*SPACES),
        f"what is searched, of {', '.join(SPACES)}",
        None,
        flag="space",
        shown="by the inputs",
    )
    max_trials: int = option(POSITIVE, "the most trials, the baseline included", 12, identity=False)
    epochs: int | None = option(
        POSITIVE, "the most for one training", None, shown="8, more where there are few rows"
    )
    full_trainings: bool = option(
        SWITCH,
        "train every trial to its end; without it, one that is below the median of the others at "
        "the same epoch ends there",
        False,
    )
    budget: float | None = option(
        SECONDS, "wall time for the whole search", None, identity=False, shown="no limit"
    )
    folds: int = option(
        NATURAL,
        "score trials by cross-validation in this number of parts; finalists train on the data's "
        "own split",
        0,
    )
    latency_weight: float = option(
        WEIGHT,
        "score traded for doubling the latency of one example, such as 0.01: trials are ranked by "
        "score - W * log2(milliseconds)",
        0.0,
    )
    weights: Mapping[str, float] | None = option(
        pairs(tuple(COSTS), WEIGHT, f"weights of {', '.join(COSTS)}, not negative", "COST=W"),
        "the same of parameters, macs (multiplications of one example) or exported (megabytes); "
        "may be repeated",
        None,
        flag="weight",
    )
    match_parameters: int | None = option(
        POSITIVE,
        "make every model as wide as N trainable parameters allow, so that kinds are "
        "compared and not sizes",
        None,
        shown="fusions draw their widths",
    )
    max_trial_seconds: float | None = option(
        SECONDS, "a training that takes longer ends with what it has", None, shown="no limit"
    )
    max_parameters: int | None = option(
        POSITIVE, "larger models are not trained", None, shown="no limit"
    )
    max_latency_ms: float | None = option(
        NUMBER, "slower models, for one example, are not trained", None, shown="no limit"
    )
    max_macs: int | None = option(
        POSITIVE, "models of more multiplications are not trained", None, shown="no limit"
    )
    max_exported_mb: float | None = option(
        NUMBER, "models that are larger when exported are not trained", None, shown="no limit"
    )
    deploy: str | None = option(
        one_of("litert", "litert-int8"),
        "judge models as the file that a device runs: its scores, its time on one thread, its "
        "megabytes; the best one's is best.tflite",
        None,
    )
    calibrate: bool = option(
        SWITCH, "scale the best model's probabilities by a temperature fitted on validation", False
    )
    seed: int = option(NATURAL, "what is drawn at random", 0)
    seeds: int = option(at_least(3), "how often each finalist is trained", 3)
    batch_size: int | None = option(
        POSITIVE, "examples of a training step", None, shown="by the number of rows, at most 128"
    )
    workers: int | None = option(
        NATURAL,
        "processes that run the trials at the same time, on Ray; 0: they run here, one by one",
        None,
        identity=False,
        shown="0, or with --cluster as many as fit",
    )
    cluster: str | None = option(
        TEXT, "address of a Ray cluster that runs the trials, or auto", None, identity=False
    )
    trial_resources: Mapping[str, float] | None = option(
        pairs(RESOURCES, WEIGHT, f"amounts of {', '.join(RESOURCES)}", "RESOURCE=X"),
        "what a trial takes of a machine: cpu, gpu, memory (GB); may be repeated",
        None,
        identity=False,
        shown="an even share",
    )
    strategy: str | None = option(
        one_of("mirrored"), "one training on all devices of this machine", None, shown="one device"
    )
    tensorboard: bool = option(
        SWITCH, "write logs for TensorBoard's HParams page as well", False, identity=False
    )
    mlflow: str | None = option(
        TEXT, "address of an MLflow server, or a folder, that gets each trial", None, identity=False
    )
    data_dir: str | Path | None = option(
        PATH, "where TFDS keeps prepared data", None, identity=False, shown="TFDS's own"
    )
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        for option_ in fields(self):
            if "kind" in option_.metadata:
                self._check(option_.name, option_.metadata["kind"], option_.default)
        if self.folds == 1:
            raise wrong("folds", "two or more, or 0", self.folds)
        if self.strategy and self.parallel:
            raise wrong("strategy", "None with workers or a cluster", self.strategy)
        if self.group is not None and self.time is not None:
            raise wrong("group", "None with a time, which decides the splits", self.group)
        if self.folds and self.time is not None:
            raise wrong("folds", "0 with a time, or folds learn from the future", self.folds)
        for name in ("weights", "kinds", "trial_resources"):
            object.__setattr__(self, name, dict(getattr(self, name) or {}) or None)
        if isinstance(self.target, str):
            object.__setattr__(self, "target", (self.target,))
        if self.spaces is not None:
            # The order in which spaces are named means nothing: it must not tell two runs apart.
            object.__setattr__(self, "spaces", tuple(s for s in SPACES if s in self.spaces))
        object.__setattr__(self, "folder", self._folder())

    def _check(self, name: str, kind: Kind, default: Any) -> None:
        value = getattr(self, name)
        if value is None and default is None:
            return
        try:
            fits = kind.check((value,) if name == "target" and isinstance(value, str) else value)
        except TypeError:
            fits = False
        if not fits:
            raise wrong(name, kind.expected, value)

    def _folder(self) -> Path:
        if self.out is not None:
            return Path(self.out)
        named = isinstance(self.dataset, str | Path)
        name = Path(str(self.dataset)).name.partition(".")[0] if named else "search"
        return Path("runs") / (re.sub(r"[^\w-]+", "_", name) or "search")

    @property
    def source(self) -> str:
        """What reports call the data."""
        named = isinstance(self.dataset, str | Path)
        return str(self.dataset) if named else type(self.dataset).__name__

    @property
    def parallel(self) -> bool:
        """Whether trials are run by other processes."""
        return bool(self.workers) or self.cluster is not None

    @property
    def limits(self) -> dict[str, float | None]:
        """The limits of a training, by their names; None for what is measured without a limit."""
        named = {n: getattr(self, n) for n in ("max_trial_seconds", *LIMITS)}
        weighed = {COSTS[name] for name in self.weights or {}}
        return {n: v for n, v in named.items() if v is not None or n in weighed}


def wrong(name: str, expected: str, value: Any) -> SearchError:
    """The error of an option's value."""
    return SearchError(f"Expected {name} to be {expected}. Received: {name}={value!r}")


def _document() -> str:
    """The docstring of the settings, with each option as its field says it."""
    lines = [f"{SearchSettings.__doc__}\n", "    Args:"]
    for f in (f for f in fields(SearchSettings) if "kind" in f.metadata):
        text = f.metadata["help"].replace("; may be repeated", "")
        text = f"{text[0].upper()}{text[1:]}. Takes {f.metadata['kind'].expected}."
        if f.default is not MISSING:
            text += f" Defaults to `{f.default!r}`"
            shown = f.metadata.get("shown")
            text += f", {shown}." if shown else "."
        lines.append(f"        {f.name}: {text}")
    return "\n".join([*lines, _ENDING])


_ENDING = """
    Raises:
        SearchError: If a value is not as described.

    Example:

    >>> from keras_hadamard import search
    >>> str(search.SearchSettings("prices.csv", target="price", max_trials=6).folder)
    'runs/prices'
"""
SearchSettings.__doc__ = _document()
