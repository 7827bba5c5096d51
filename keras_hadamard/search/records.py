"""What a run remembers: every finished training, in `trials.json` and `trials.csv`."""

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from keras_hadamard._core.files import write_atomically
from keras_hadamard._core.reading import DAMAGE
from keras_hadamard.search.files import drafted, write_json
from keras_hadamard.search.objectives import OBJECTIVES
from keras_hadamard.search.settings import SearchError
from keras_hadamard.search.trainings import (
    COMPLETED,
    FAILED,
    REFUSED,
    Configuration,
    Final,
    Reference,
    Training,
    Trial,
)

FORMAT = 2
# The fields of a training that are numbers where they are known.
MEASURED = ("score", "parameters", "nonzero", "latency", "macs", "exported")
PREDICTIONS = "predictions"


@dataclass
class Records:
    """The finished trainings of a run, on disk as soon as they are added."""

    folder: Path
    trials: list[Trial] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    # Which training `best.keras` and `serving/` hold, and what the check of the latter said.
    best: dict[str, Any] | None = None
    # The settings, what is known of the data, and notes: what a report needs besides.
    about: dict[str, Any] | None = None

    def read(self) -> "Records":
        """Reads what the folder has, if it has anything."""
        path = self.folder / "trials.json"
        if not path.exists():
            return self
        try:
            content = json.loads(path.read_text("utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r} and not {FORMAT}")
            for part in (content["best"], content["about"]):
                if not isinstance(part, dict | None):
                    raise ValueError(f"what is known of the run is {part!r}")
            self.trials = [_checked(Trial(**t)) for t in content["trials"]]
            self.finals = [_checked(Final(**f)) for f in content["finalists"]]
            self.references = [Reference(**r) for r in content["references"]]
            self.best, self.about = content["best"], content["about"]
            if [t.number for t in self.trials] != sorted({t.number for t in self.trials} - {0}):
                raise ValueError("the numbers of its trials are out of order")
        except DAMAGE as error:
            raise SearchError(
                f"{path} is not a record of trials that this version reads; move it away to start "
                f"again. Received: {error}"
            ) from error
        return self

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

    def add_final(self, final: Final, predictions: np.ndarray | None = None) -> None:
        """Adds a training of a finalist, and what it predicts of the test split."""
        if predictions is not None:
            self._write_predictions(self._predictions_of(final), predictions)
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
                "references": [asdict(r) for r in self.references],
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
    def wall_seconds(self) -> float:
        """The time in which anything was trained: of trials at the same time it counts once."""
        total, end = 0.0, -math.inf
        for training in sorted([*self.trials, *self.finals], key=lambda t: t.started):
            begin, stop = training.started, training.started + training.seconds
            total += max(0.0, stop - max(begin, end))
            end = max(end, stop)
        return total

    @property
    def completed(self) -> list[Trial]:
        """The trials that succeeded, best first; of equal ones the smaller model."""
        done = [t for t in self.trials if t.completed]
        return sorted(done, key=lambda t: (-(t.value or 0.0), t.parameters or 0, t.number))

    def finals_of(self, configuration: Configuration) -> list[Final]:
        return [f for f in self.finals if f.configuration == configuration and f.completed]

    def predictions(self, final: Final) -> np.ndarray | None:
        """What a training of a finalist predicts of the test split, if its file is there."""
        return _read_array(self._predictions_of(final))

    @property
    def test_targets(self) -> np.ndarray | None:
        """The targets of the test split, if their file is there."""
        return _read_array(self.folder / PREDICTIONS / "targets.npz")

    def keep_test_targets(self, targets: np.ndarray) -> None:
        self._write_predictions(self.folder / PREDICTIONS / "targets.npz", targets)

    def number_of(self, configuration: Configuration) -> int:
        """The number of the first trial of a configuration."""
        return next(t.number for t in self.trials if t.configuration == configuration)

    def _predictions_of(self, final: Final) -> Path:
        name = f"trial-{self.number_of(final.configuration)}-seed-{final.seed}.npz"
        return self.folder / PREDICTIONS / name

    def _write_predictions(self, path: Path, array: np.ndarray) -> None:
        path.parent.mkdir(exist_ok=True)
        with drafted(path) as draft:
            np.savez_compressed(draft, array=array)

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


def _read_array(path: Path) -> np.ndarray | None:
    try:
        with np.load(path) as file:
            return np.asarray(file["array"])
    except DAMAGE:
        return None


T = TypeVar("T", bound=Training)


def _checked(training: T) -> T:
    """A training as it is read, if it can be one."""
    numbers = [training.seconds, training.epochs, training.seed, training.started]
    numbers += [*training.curve, *training.losses, *training.validation_losses]
    numbers += [training.latency_weight, *(training.weights or {}).values()]
    numbers += [n for n in training.folds or () if n is not None]
    measured = (getattr(training, name) for name in MEASURED)
    numbers += [n for n in measured if n is not None]
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        raise ValueError(f"a training has something else for a number: {numbers}")
    if training.status not in (COMPLETED, FAILED, REFUSED) or not training.configuration.keys():
        raise ValueError(f"a training has the status {training.status!r}")
    if training.objective not in OBJECTIVES:
        raise ValueError(f"a training has the objective {training.objective!r}")
    if training.completed and training.score is None:
        raise ValueError("a training that succeeded has no score")
    return training


def hyperparameters(trainings: Iterable[Training]) -> list[str]:
    """The names that appear in any configuration, those that matter most first."""
    return _by_weight({name: None for t in trainings for name in t.configuration})


def describe(configuration: Configuration) -> str:
    """A configuration in one line."""
    values = {n: configuration[n] for n in _by_weight(configuration)}
    said = (f"{n}={v:.4g}" if isinstance(v, float) else f"{n}={v}" for n, v in values.items())
    return " ".join(said) or "defaults"


def _by_weight(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda n: (not n.startswith("fusion"), not n.startswith("gating")))
