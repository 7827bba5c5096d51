"""The two best configurations and the baseline, each trained again with several seeds.

The score that made a trial the best of many is partly luck, so it is not reported as its result:
finalists get fresh seeds, the same for all, and only they are shown the test split.
"""

import math
from dataclasses import dataclass

import numpy as np

from keras_hadamard.search.limits import MEASURES, Limits, exceeded
from keras_hadamard.search.records import Records
from keras_hadamard.search.trainings import Final, Trial

COUNT = 2


@dataclass(frozen=True)
class Finalist:
    """A configuration and its trainings with fresh seeds."""

    trial: Trial
    finals: list[Final]

    @property
    def value(self) -> float:
        """The mean of what finalists are ranked by."""
        values = [f.value for f in self.finals if f.value is not None]
        return float(np.mean(values)) if values else -math.inf

    @property
    def validations(self) -> list[float]:
        return [f.score for f in self.finals if f.score is not None]

    @property
    def tests(self) -> list[float]:
        return [f.test for f in self.finals if f.test is not None]


def choose(records: Records, epochs: int, limits: Limits) -> list[Trial]:
    """The best distinct configurations, and the baseline if it is not one of them.

    None where no trial is within the limits.
    """
    within = [t for t in records.completed if not violated_limit(t, limits)]
    # A trial that Hyperband cut short is no finalist while there are others.
    full = [t for t in within if t.epochs >= epochs] or within
    chosen: list[Trial] = []
    for trial in full:
        if len(chosen) < COUNT and all(trial.configuration != t.configuration for t in chosen):
            chosen.append(trial)
    baseline = records.trials[0]
    if chosen and all(baseline.configuration != t.configuration for t in chosen):
        chosen.append(baseline)
    return chosen


def violated_limit(trial: Trial, limits: Limits) -> str | None:
    """By what a trial is beyond the limits; of those that are trained only the baseline may be."""
    measured = {name: getattr(trial, name) for name, _ in MEASURES.values()}
    return exceeded(limits, **measured)


def excess(trial: Trial, limits: Limits) -> float:
    """How many times what is allowed a trial has, of the limit that it exceeds most."""
    pairs = [(limits.get(limit), getattr(trial, name)) for limit, (name, _) in MEASURES.items()]
    return max((value / most for most, value in pairs if most and value is not None), default=0.0)


def finalists(records: Records, epochs: int, limits: Limits) -> list[Finalist]:
    """The finalists with what they have so far, the best by mean validation score first.

    A baseline beyond the limits comes last.
    """
    chosen = choose(records, epochs, limits)
    found = [Finalist(t, records.finals_of(t.configuration)) for t in chosen]
    return sorted(found, key=lambda f: (violated_limit(f.trial, limits) is not None, -f.value))


def best_final(finalist: Finalist) -> Final:
    """Of a finalist's trainings the best on validation data: the test split has no say."""
    return max(finalist.finals, key=lambda f: (f.value or 0.0, -f.seed))
