"""What a run remembers: every finished training, in `trials.json` and `trials.csv`."""

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from keras_hadamard._core.files import write_atomically
from keras_hadamard._core.reading import DAMAGE
from keras_hadamard.tuning.files import write_json
from keras_hadamard.tuning.settings import SearchError

Configuration = dict[str, Any]
FORMAT = 1
# The fields of a training that are numbers where they are known.
MEASURED = ("score", "parameters", "nonzero", "latency", "macs", "exported")
COMPLETED, FAILED, REFUSED = "completed", "failed", "refused"


@dataclass(frozen=True)
class Training:
    """One training of one configuration."""

    status: str
    configuration: Configuration
    seed: int
    # The highest validation accuracy of an epoch, whose weights were kept.
    score: float | None
    parameters: int | None
    seconds: float
    # How many epochs it was given; the curve has as many as it took.
    epochs: int
    curve: list[float]
    reason: str | None = None
    # How many weights are not zero, where the search prunes.
    nonzero: int | None = None
    # The milliseconds of one example, and what twice as many cost in score.
    latency: float | None = None
    latency_weight: float = 0.0
    # What twice as much of the other costs costs in score, by the names of their fields.
    weights: Mapping[str, float] | None = None
    # Multiplications of one example and megabytes as it is served, where either matters.
    macs: int | None = None
    exported: float | None = None
    # The scores of a cross-validation, whose mean is the score.
    folds: list[float] | None = None

    @property
    def value(self) -> float | None:
        """What trainings are ranked by: the score, less what the latency and the rest cost."""
        if self.score is None:
            return None
        weights = {"latency": self.latency_weight, **(self.weights or {})}
        costs = {name: getattr(self, name) for name, weight in weights.items() if weight}
        return self.score - sum(weights[n] * math.log2(c) for n, c in costs.items() if c)

    @property
    def completed(self) -> bool:
        return self.status == COMPLETED

    @property
    def size(self) -> int:
        """The weights that count: those that are not zero, or all where nothing is pruned."""
        return (self.parameters if self.nonzero is None else self.nonzero) or 0


@dataclass(frozen=True)
class Trial(Training):
    """A training that the algorithm asked for. The first is the baseline."""

    number: int = 0

    @property
    def baseline(self) -> bool:
        return self.number == 1


@dataclass(frozen=True)
class Final(Training):
    """A training of a finalist, with the only look at the test split."""

    test: float | None = None
    # One bit for each test example, so that two models can be compared example by example.
    correct: str = ""

    @property
    def correct_by_example(self) -> np.ndarray:
        bits = np.frombuffer(base64.b64decode(self.correct), "uint8")
        return np.unpackbits(bits).astype(bool)


def pack(correct: np.ndarray) -> str:
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


@dataclass
class Records:
    """The finished trainings of a run, on disk as soon as they are added."""

    folder: Path
    trials: list[Trial] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    # Which training `best.keras` and `serving/` hold, and what the check of the latter said.
    best: dict[str, Any] | None = None
    # The settings, what is known of the data, and notes: what a report needs besides.
    about: dict[str, Any] | None = None

    @classmethod
    def load(cls, folder: Path) -> "Records":
        path = folder / "trials.json"
        if not path.exists():
            return cls(folder)
        try:
            content = json.loads(path.read_text())
            for part in (content["best"], content.get("about")):
                if not isinstance(part, dict | None):
                    raise ValueError(f"what is known of the run is {part!r}")
            trials = [_checked(Trial(**t)) for t in content["trials"]]
            finals = [_checked(Final(**f)) for f in content["finalists"]]
            if [t.number for t in trials] != sorted({t.number for t in trials} - {0}):
                raise ValueError("the numbers of its trials are out of order")
            return cls(folder, trials, finals, content["best"], content.get("about"))
        except DAMAGE as error:
            raise SearchError(
                f"{path} is not a record of trials; move it away to start anew. Received: {error}"
            ) from error

    def trial(self, number: int) -> Trial | None:
        """The trial of that number, if it has ended."""
        return next((t for t in self.trials if t.number == number), None)

    @property
    def last(self) -> int:
        """The highest number; with several workers those before it need not have ended."""
        return self.trials[-1].number if self.trials else 0

    def add_trial(self, trial: Trial) -> None:
        self.trials = sorted([*self.trials, trial], key=lambda t: t.number)
        self.save()

    def add_final(self, final: Final) -> None:
        self.finals = [
            f for f in self.finals if (f.configuration, f.seed) != (final.configuration, final.seed)
        ] + [final]
        self.save()

    def set_best(self, best: dict[str, Any]) -> None:
        self.best = best
        self.save()

    def save(self) -> None:
        write_json(
            self.folder / "trials.json",
            {
                "format": FORMAT,
                "trials": [asdict(t) for t in self.trials],
                "finalists": [asdict(f) for f in self.finals],
                "best": self.best,
                "about": self.about,
            },
        )
        write_atomically(self.folder / "trials.csv", self.table())

    @property
    def seconds(self) -> float:
        """The time of all trainings so far, also of those before a restart."""
        return sum(t.seconds for t in [*self.trials, *self.finals])

    @property
    def completed(self) -> list[Trial]:
        """The trials that succeeded, best first; of equal ones the smaller model."""
        done = [t for t in self.trials if t.completed]
        return sorted(done, key=lambda t: (-(t.value or 0.0), t.parameters or 0, t.number))

    def finals_of(self, configuration: Configuration) -> list[Final]:
        return [f for f in self.finals if f.configuration == configuration and f.completed]

    def table(self) -> str:
        """The trials as CSV; a hyperparameter that is not active in a trial is an empty cell."""
        names = hyperparameters(self.trials)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        others = ("seconds", "epochs", "status", "reason")
        writer.writerow(["trial", *names, *MEASURED, *others])
        for t in self.trials:
            cells = [t.configuration.get(name, "") for name in names]
            seconds, epochs = round(t.seconds, 2), len(t.curve)
            latency = None if t.latency is None else round(t.latency, 3)
            sizes = [t.score, t.parameters, t.nonzero, latency, t.macs, t.exported]
            result = [*sizes, seconds, epochs, t.status, t.reason]
            writer.writerow([t.number, *cells, *["" if r is None else r for r in result]])
        return text.getvalue()


T = TypeVar("T", bound=Training)


def _checked(training: T) -> T:
    """A training as it is read, if it can be one."""
    numbers = [training.seconds, training.epochs, training.seed, *training.curve]
    numbers += [training.latency_weight, *(training.weights or {}).values()]
    numbers += [n for n in training.folds or () if n is not None]
    measured = (getattr(training, name) for name in MEASURED)
    numbers += [n for n in measured if n is not None]
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        raise ValueError(f"a training has something else for a number: {numbers}")
    if training.status not in (COMPLETED, FAILED, REFUSED) or not training.configuration.keys():
        raise ValueError(f"a training has the status {training.status!r}")
    if training.completed and training.score is None:
        raise ValueError("a training that succeeded has no score")
    if isinstance(training, Final):
        _ = training.correct_by_example
    return training


def hyperparameters(trainings: Iterable[Training]) -> list[str]:
    """The names that appear in any configuration, those that matter most first."""
    return _by_weight({name: None for t in trainings for name in t.configuration})


def describe(configuration: Configuration) -> str:
    """A configuration in one line."""
    return " ".join(f"{n}={configuration[n]}" for n in _by_weight(configuration)) or "defaults"


def _by_weight(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda n: (not n.startswith("fusion"), not n.startswith("gating")))
