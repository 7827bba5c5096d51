"""The trials that an oracle gives to a worker."""

import json
import time
from collections.abc import Callable
from typing import Any

from keras_hadamard.tuning.dispatch import OVER, TASK, Task, answer
from keras_hadamard.tuning.folds import cross_validate, folds
from keras_hadamard.tuning.limits import shared_out
from keras_hadamard.tuning.records import Trial
from keras_hadamard.tuning.settings import SearchSettings
from keras_hadamard.tuning.training import train

# Seconds between two questions of a worker that has nothing to do.
PAUSE = 0.2
Train = Callable[[Task], Trial]


def run_trials(oracle: Any, name: str, train_one: Train, most: int | None = None) -> bool:
    """Runs trials of an oracle until it has no more, or the most of them; returns which.

    Args:
        oracle: An oracle, or KerasTuner's client of one in another process.
        name: What this worker is called.
        train_one: Makes a record of a task.
        most: The most trials. Defaults to `None`, no limit.

    Returns:
        Whether the oracle has no more.
    """
    done = 0
    while most is None or done < most:
        trial = oracle.create_trial(name)
        values = trial.hyperparameters.values
        if trial.status == "STOPPED" or OVER in values:
            return True
        if trial.status == "IDLE":
            time.sleep(PAUSE)
            continue
        oracle.end_trial(answer(train_one(json.loads(values[TASK])), trial))
        done += 1
    return False


def train_task(
    task: Task,
    settings: SearchSettings,
    hypermodel: Any,
    data: Any,
    on_epoch: Callable[[int, float], None],
) -> Trial:
    """The record of a task that an oracle gave."""

    def train_on(part: Any) -> dict[str, Any]:
        outcome = train(
            hypermodel,
            task["configuration"],
            part,
            seed=task["seed"],
            epochs=task["epochs"],
            batch_size=settings.batch_size,
            on_epoch=on_epoch,
            limits=shared_out(settings.limits, settings.folds),
            # The baseline is what all else is compared with, so it is trained in any case.
            refuse=task["number"] != 1,
            strategy=settings.strategy,
        )
        return outcome.result

    if settings.folds:
        result = cross_validate(train_on, folds(data, settings.folds, settings.seed))
    else:
        result = train_on(data)
    return Trial(
        number=task["number"],
        **result,
        latency_weight=settings.latency_weight,
        weights=settings.weights,
    )
