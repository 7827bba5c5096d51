"""The two best configurations and the baseline, each trained anew with several seeds.

The score that made a trial the best of many is partly luck, so it is not reported as its result:
finalists get fresh seeds, the same for all, and only they are shown the test split.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_hadamard.tuning.budget import Budget
from keras_hadamard.tuning.files import draft_of
from keras_hadamard.tuning.limits import MEASURES, Limits, exceeded, time_alone
from keras_hadamard.tuning.progress import Progress
from keras_hadamard.tuning.records import (
    FAILED,
    Configuration,
    Final,
    Records,
    Trial,
    pack,
)
from keras_hadamard.tuning.run_folder import STATE
from keras_hadamard.tuning.settings import SearchSettings
from keras_hadamard.tuning.training import correct, train

COUNT = 2
# Far from the seeds of the trials, which are the search's seed plus their number.
FIRST_SEED = 1_000_000


@dataclass(frozen=True)
class Finalist:
    """A configuration and its trainings with fresh seeds."""

    trial: Trial
    finals: list[Final]

    @property
    def validation(self) -> float:
        """The mean of what finalists are ranked by."""
        values = [f.value for f in self.finals if f.value is not None]
        return float(np.mean(values)) if values else -math.inf

    @property
    def tests(self) -> list[float]:
        return [f.test for f in self.finals if f.test is not None]


def choose(records: Records, epochs: int, limits: Limits) -> list[Trial]:
    """The best distinct configurations, and the baseline if it is not one of them."""
    # A trial that Hyperband cut short is no finalist while there are others.
    done = [t for t in records.completed if not beyond(t, limits)]
    full = [t for t in done if t.epochs >= epochs] or done
    chosen: list[Trial] = []
    for trial in full:
        if len(chosen) < COUNT and all(trial.configuration != t.configuration for t in chosen):
            chosen.append(trial)
    baseline = records.trials[0]
    if all(baseline.configuration != t.configuration for t in chosen):
        chosen.append(baseline)
    return chosen


def beyond(trial: Trial, limits: Limits) -> str | None:
    """By what a trial is beyond the limits, which the baseline alone may be."""
    measured = {name: getattr(trial, name) for name, _ in MEASURES.values()}
    return exceeded(limits, **measured)


def finalists(records: Records, epochs: int, limits: Limits) -> list[Finalist]:
    """The finalists with what they have so far, the best by mean validation score first.

    A baseline beyond the limits comes last.
    """
    chosen = choose(records, epochs, limits)
    found = [Finalist(t, records.finals_of(t.configuration)) for t in chosen]
    return sorted(found, key=lambda f: (beyond(f.trial, limits) is not None, -f.validation))


class Finals:
    """Trains the finalists, resuming where a former start stopped."""

    def __init__(
        self,
        settings: SearchSettings,
        hypermodel: Any,
        data: Any,
        records: Records,
        budget: Budget,
        progress: Progress,
    ) -> None:
        self.settings = settings
        self.hypermodel = hypermodel
        self.data = data
        self.records = records
        self.budget = budget
        self.progress = progress

    def run(self) -> bool:
        """Trains what is missing; returns whether time sufficed for all seeds."""
        chosen = choose(self.records, self.settings.epochs, self.settings.limits)
        tried = [(f.configuration, f.seed) for f in self.records.finals]
        # All finalists with the first seed, then all with the second: a budget that ends in between
        # leaves them comparable.
        missing = [
            (i, trial)
            for i in range(self.settings.seeds)
            for trial in chosen
            if (trial.configuration, self._seed(i)) not in tried
        ]
        for done, (i, trial) in enumerate(missing):
            if i > 0 and not self.budget.allows(1):
                return False
            title = f"finalist trial {trial.number}, seed {i + 1}/{self.settings.seeds}"
            self.progress.begin(title, trial.configuration, len(missing) - done)
            final = self.train(trial.configuration, self._seed(i))
            self.records.add_final(final)
            self.progress.end(final)
        return True

    def train(self, configuration: Configuration, seed: int) -> Final:
        outcome = train(
            self.hypermodel,
            configuration,
            self.data,
            seed=seed,
            epochs=self.settings.epochs,
            batch_size=self.settings.batch_size,
            on_epoch=self.progress.epoch,
            limits=time_alone(self.settings.limits),
            strategy=self.settings.strategy,
        )
        weights = {"latency_weight": self.settings.latency_weight, "weights": self.settings.weights}
        result = {**outcome.result, **weights}
        if outcome.model is None:
            return Final(**result)
        # The file before the record: a record promises that there is a model.
        self._save(outcome.model, self.model_path(outcome.result["configuration"], seed))
        right = correct(outcome.model, self.data.test, self.settings.batch_size)
        return Final(**result, test=float(np.mean(right)), correct=pack(right))

    def model_path(self, configuration: Configuration, seed: int) -> Path:
        number = next(t.number for t in self.records.trials if t.configuration == configuration)
        return self.records.folder / STATE / f"trial-{number}-seed-{seed}.keras"

    def model_of(self, final: Final) -> Path:
        """The file of a final's model, which is trained again if the file is gone."""
        path = self.model_path(final.configuration, final.seed)
        if not path.exists():
            again = self.train(final.configuration, final.seed)
            self.records.add_final(again)
            if again.status == FAILED:
                raise RuntimeError(f"The best model could not be trained again: {again.reason}")
        return path

    def _seed(self, index: int) -> int:
        return self.settings.seed + FIRST_SEED + index

    def _save(self, model: keras.Model, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        model.save(draft_of(path))
        draft_of(path).replace(path)


def best_final(finalist: Finalist) -> Final:
    """Of a finalist's trainings the best on validation data: the test split has no say."""
    return max(finalist.finals, key=lambda f: (f.score or 0.0, -f.seed))
