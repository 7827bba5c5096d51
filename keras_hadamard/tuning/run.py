"""A finished run as its reports see it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_hadamard.tuning.comparison import Comparison, compare
from keras_hadamard.tuning.finalists import Finalist, finalists
from keras_hadamard.tuning.records import Records
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
    """Settings, records and why the search ended early, with what follows from them."""

    settings: SearchSettings
    facts: Facts
    records: Records
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.settings.folder

    @property
    def finalists(self) -> list[Finalist]:
        return finalists(self.records, self.settings.epochs)

    @property
    def best(self) -> Finalist:
        return self.finalists[0]

    @property
    def baseline(self) -> Finalist:
        return next(f for f in self.finalists if self.is_baseline(f))

    def is_baseline(self, finalist: Finalist) -> bool:
        # A later trial may have drawn the very same values, and then stands for it.
        return finalist.trial.configuration == self.records.trials[0].configuration

    @property
    def baseline_name(self) -> str:
        return "concat baseline" if len(self.facts.inputs) > 1 else "baseline"

    def comparison(self) -> Comparison | None:
        """The best against the baseline, or None where one of them has no result."""
        if self.is_baseline(self.best) or not (self.best.tests and self.baseline.tests):
            return None
        return compare(self.best, self.baseline)
