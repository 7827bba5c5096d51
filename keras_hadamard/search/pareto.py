"""Trials that no other beats in score and costs."""

from collections.abc import Callable, Sequence
from typing import Any

from keras_hadamard.search.objectives import OBJECTIVES
from keras_hadamard.search.trainings import Trial

Price = Callable[[Trial], Any]


def size(trial: Trial) -> float:
    return trial.size


def milliseconds(trial: Trial) -> float:
    return trial.latency or 0.0


def score(trial: Trial) -> float:
    """The score, larger is better."""
    return OBJECTIVES[trial.objective].better(trial.score or 0.0)


def pareto(trials: Sequence[Trial], *costs: Price) -> list[Trial]:
    """The trials that no other matches in score at no higher costs, the cheapest first.

    Costs are by default the size and the latency; of equal trials the first stays.
    """
    costs = costs or (size, milliseconds)
    front: list[Trial] = []
    # Whatever beats a trial stands before it, or is beaten itself by what does.
    for trial in sorted(trials, key=lambda t: (*(cost(t) for cost in costs), -score(t))):
        beaten = any(
            score(other) >= score(trial) and all(cost(other) <= cost(trial) for cost in costs)
            for other in front
        )
        if not beaten:
            front.append(trial)
    return front
