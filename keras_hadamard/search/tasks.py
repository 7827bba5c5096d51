"""A trial as the algorithm asks for it, run to a record."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import keras

from keras_hadamard.search.export import rehearse
from keras_hadamard.search.folds import cross_validate, folds
from keras_hadamard.search.limits import split_time_limit
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.training import train
from keras_hadamard.search.trainings import Configuration, Trial


class Task(TypedDict):
    """What a trial is asked for."""

    number: int
    configuration: Configuration
    seed: int
    epochs: int
    # What its score has to reach at each epoch, if anything.
    medians: list[float] | None


def run_task(
    task: Task,
    problem: Problem,
    on_epoch: Callable[[int, float], None],
    callbacks: Sequence[keras.callbacks.Callback] = (),
    worker: str = "",
) -> Trial:
    """Trains what a task asks for, once or on each fold.

    Raises:
        SearchError: If the model of the first trial cannot be exported: no later one could.
    """
    settings = problem.settings
    first = task["number"] == 1
    parts = folds(problem, settings.folds, settings.seed) if settings.folds else [problem]

    def train_on(part: Problem) -> dict[str, Any]:
        outcome = train(
            part,
            task["configuration"],
            seed=task["seed"],
            epochs=task["epochs"],
            on_epoch=on_epoch,
            limits=split_time_limit(settings.limits, settings.folds),
            # The baseline is what all else is compared with, so it is trained in any case.
            refuse=not first,
            callbacks=callbacks,
            medians=task["medians"],
        )
        if first and part is parts[0] and outcome.model is not None:
            outcome.result["reason"] = rehearse(problem, outcome.model) or outcome.result.get(
                "reason"
            )
        return outcome.result

    result = cross_validate(train_on, parts) if settings.folds else train_on(problem)
    return Trial(
        number=task["number"],
        **result,
        latency_weight=settings.latency_weight,
        weights=settings.weights,
        worker=worker,
    )
