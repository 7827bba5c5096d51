"""A run as its reports see it."""

from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard.search.comparison import Comparison, compare
from keras_hadamard.search.finalists import Finalist, excess, finalists
from keras_hadamard.search.objectives import OBJECTIVES, Objective
from keras_hadamard.search.pareto import pareto
from keras_hadamard.search.records import Records
from keras_hadamard.search.settings import SearchSettings
from keras_hadamard.search.trainings import Trial

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of the data: enough to report a run without loading it again."""

    task: str
    classes: tuple[str, ...]
    objective: str
    # What is searched, which the settings need not say.
    spaces: tuple[str, ...]
    epochs: int
    batch_size: int
    sizes: dict[str, int]
    inputs: dict[str, str]
    # Rows of each class or label by split; empty for numbers.
    class_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    columns: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, problem: Any) -> "DatasetInfo":
        data = problem.data
        splits = {name: getattr(data, name) for name in SPLITS}
        inputs = {
            name: f"{spec.kind} {' x '.join(map(str, spec.shape))}"
            for name, spec in data.inputs.items()
        }
        counts = {
            name: dict(zip(data.classes, _counts(data, split.targets), strict=True))
            for name, split in splits.items()
            if data.task != "regression"
        }
        return cls(
            data.task,
            tuple(data.classes),
            problem.objective.name,
            tuple(problem.hypermodel.spaces),
            problem.epochs,
            problem.batch_size,
            {name: len(split.targets) for name, split in splits.items()},
            inputs,
            counts,
            tuple(asdict(column) for column in data.columns),
            tuple(data.warnings),
        )


def _counts(data: Any, targets: np.ndarray) -> list[int]:
    if targets.ndim == 2:
        return [int(n) for n in targets.sum(0)]
    return [int(n) for n in np.bincount(targets, minlength=len(data.classes))]


@dataclass(frozen=True)
class Run:
    """What a search found; `Search.run` returns it.

    Args:
        settings: The `SearchSettings` of the search.
        facts: What is known of the data: `task`, `classes`, `objective`, `sizes`, `columns`, ...
        records: The finished trainings: `records.trials` in their order, `records.completed` best
            first. Each has `configuration`, `score`, `parameters`, `nonzero`, `latency` in
            milliseconds, `value` that it is ranked by, `seconds`, `status`.
            `pareto("parameters", "latency")` has those that no other beats.
        notes: Tuple of strings, why the search ended early, if it did.

    Example:

    >>> import io, tempfile
    >>> import numpy as np
    >>> from keras_hadamard import search
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> settings = search.SearchSettings(
    ...     {"x": x, "target": (x[:, 0] > 0).astype(int)},
    ...     spaces=("gating",), out=tempfile.mkdtemp(), max_trials=1, epochs=1,
    ... )
    >>> run = search.Search(settings, stream=io.StringIO()).run()
    >>> run.best.trial.configuration["gating"], len(run.best.tests)
    ('dense', 3)
    """

    settings: SearchSettings
    facts: DatasetInfo
    records: Records
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.settings.folder

    @property
    def objective(self) -> Objective:
        """What trials are judged by."""
        return OBJECTIVES[self.facts.objective]

    @property
    def finished(self) -> bool:
        """Whether the finalists were trained and the best is served."""
        return self.records.best is not None

    @property
    def finalists(self) -> list[Finalist]:
        """The best configurations and the baseline, best first by mean validation score."""
        return finalists(self.records, self.facts.epochs, self.settings.limits)

    @property
    def best(self) -> Finalist | None:
        """The finalist that `best.keras` is a training of; None if a limit admits no trial."""
        found = self.finalists
        return found[0] if found else None

    @property
    def baseline(self) -> Finalist:
        """Concatenation and a plain dense layer, at their default settings."""
        first = self.records.trials[0]
        return Finalist(first, self.records.finals_of(first.configuration))

    def is_baseline(self, finalist: Finalist) -> bool:
        """Whether a finalist is the baseline."""
        # A later trial may have drawn the very same values, and then stands for it.
        return finalist.trial.configuration == self.records.trials[0].configuration

    @property
    def nearest(self) -> Trial | None:
        """The trial that exceeds the limits least, where all that were measured do."""
        limits = self.settings.limits
        beyond = [t for t in self.records.trials if excess(t, limits) > 1]
        return min(beyond, key=lambda t: excess(t, limits), default=None)

    def pareto(self, *costs: str) -> list[Trial]:
        """The trials that no other matches in score at no higher costs, the cheapest first.

        Costs are fields of a trial: `"parameters"`, `"size"` (those that are not zero), `"latency"`
        and, where there is a limit on them, `"macs"` and `"exported"`. Without any they are size
        and latency. Trials of which one is not known are left out.
        """
        known = [t for t in self.records.completed if all(getattr(t, c) is not None for c in costs)]
        return pareto(known, *(attrgetter(cost) for cost in costs))

    @property
    def pruned(self) -> bool:
        """Whether trials are judged by the weights that are not zero."""
        return any(t.nonzero is not None for t in self.records.trials)

    @property
    def grouping(self) -> str:
        """The parameter by which pictures tell the trials apart."""
        names = [n for t in self.records.trials for n in t.configuration]
        kinds = [n for n in names if n.endswith(("token_mixer", "recurrence", "high_order"))]
        return "fusion" if "fusion" in names else (kinds or ["gating"])[0]

    @property
    def baseline_name(self) -> str:
        """What reports call the baseline."""
        return "concat baseline" if len(self.facts.inputs) > 1 else "baseline"

    def comparison(self) -> Comparison | None:
        """The best against the baseline, or None where one of them has no result."""
        best, baseline = self.best, self.baseline
        if best is None or self.is_baseline(best) or not (best.tests and baseline.tests):
            return None
        return compare((best, self.records), (baseline, self.records))
