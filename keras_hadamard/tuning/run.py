"""A finished run as its reports see it."""

from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from keras_hadamard.tuning.comparison import Comparison, compare
from keras_hadamard.tuning.finalists import Finalist, finalists
from keras_hadamard.tuning.pareto import pareto
from keras_hadamard.tuning.records import Records, Trial
from keras_hadamard.tuning.settings import SearchSettings


@dataclass(frozen=True)
class Facts:
    """What is known of the data: enough to report a run without loading it again."""

    classes: int
    sizes: dict[str, int]
    inputs: dict[str, str]

    @classmethod
    def of(cls, data: Any) -> "Facts":
        sizes = {n: len(getattr(data, n).targets) for n in ("train", "validation", "test")}
        inputs = {
            name: f"{spec.kind} {' x '.join(map(str, spec.shape))}"
            for name, spec in data.inputs.items()
        }
        return cls(len(data.classes), sizes, inputs)


@dataclass(frozen=True)
class Run:
    """What a search found; `search` returns it.

    Args:
        settings: The `SearchSettings` of the search.
        facts: What is known of the data.
        records: The finished trainings: `records.trials` in their order, `records.completed` best
            first. Each has `configuration`, `score`, `parameters`, `nonzero`, `latency` in
            milliseconds, `value` that it is ranked by, `seconds`, `status`.
            `pareto("parameters", "latency")` has those that no other beats.
        notes: Tuple of strings, why the search ended early, if it did.

    Example:

    >>> import io, tempfile
    >>> import numpy as np
    >>> from keras_hadamard import tuning
    >>> folder = tempfile.mkdtemp()
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> np.savez(f"{folder}/mine.npz", x=x, target=(x[:, 0] > 0).astype(int))
    >>> settings = tuning.SearchSettings(
    ...     f"{folder}/mine.npz", out=f"{folder}/run", max_trials=1, epochs=1
    ... )
    >>> run = tuning.search(settings, stream=io.StringIO())
    >>> run.best.trial.configuration["gating"], len(run.best.tests)
    ('dense', 3)
    """

    settings: SearchSettings
    facts: Facts
    records: Records
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.settings.folder

    @property
    def finalists(self) -> list[Finalist]:
        """The best configurations and the baseline, best first by mean validation accuracy."""
        return finalists(self.records, self.settings.epochs, self.settings.limits)

    @property
    def best(self) -> Finalist:
        """The finalist that `best.keras` is a training of."""
        return self.finalists[0]

    @property
    def baseline(self) -> Finalist:
        """Concatenation and a plain dense layer, at their default settings."""
        return next(f for f in self.finalists if self.is_baseline(f))

    def is_baseline(self, finalist: Finalist) -> bool:
        """Whether a finalist is the baseline."""
        # A later trial may have drawn the very same values, and then stands for it.
        return finalist.trial.configuration == self.records.trials[0].configuration

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
        mixers = [n for n in names if n.endswith("token_mixer")]
        return "fusion" if len(self.facts.inputs) > 1 else (mixers or ["gating"])[0]

    @property
    def baseline_name(self) -> str:
        """What reports call the baseline."""
        return "concat baseline" if len(self.facts.inputs) > 1 else "baseline"

    def comparison(self) -> Comparison | None:
        """The best against the baseline, or None where one of them has no result."""
        if self.is_baseline(self.best) or not (self.best.tests and self.baseline.tests):
            return None
        return compare(self.best, self.baseline)
