"""One training as a record has it, of a trial or of a finalist, and the references beside them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_hadamard.search.objectives import OBJECTIVES

Configuration = dict[str, Any]
COMPLETED, FAILED, REFUSED = "completed", "failed", "refused"


@dataclass(frozen=True)
class Training:
    """One training of one configuration."""

    status: str
    configuration: Configuration
    seed: int
    # The name of what it is judged by.
    objective: str
    # The best validation score of an epoch, whose weights were kept, in the objective's units.
    score: float | None
    parameters: int | None
    seconds: float
    # How many epochs it was given; the curves have as many as it took.
    epochs: int
    curve: list[float]
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
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
    # When it began, in seconds since 1970, and where it ran.
    started: float = 0.0
    worker: str = ""

    @property
    def value(self) -> float | None:
        """What trainings are ranked by, larger is better: the score, less what costs cost."""
        if self.score is None:
            return None
        weights = {"latency": self.latency_weight, **(self.weights or {})}
        costs = {name: getattr(self, name) for name, weight in weights.items() if weight}
        score = OBJECTIVES[self.objective].better(self.score)
        return score - sum(weights[n] * math.log2(c) for n, c in costs.items() if c)

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
    # All metrics of the task on the test split, by name.
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """A model of another kind on the same splits; scores are in the objective's units."""

    name: str
    validation: float | None
    test: float | None
    seconds: float
    # Why there are no scores.
    reason: str | None = None
