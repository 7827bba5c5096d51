"""What a search is of: the settings, the data and the hypermodel."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras_tuner
import numpy as np

from keras_hadamard import datasets
from keras_hadamard.search.objectives import (
    OBJECTIVES,
    Objective,
    default_objective,
    objectives_of,
)
from keras_hadamard.search.settings import SearchError, SearchSettings, wrong
from keras_hadamard.tuning.hyper_multimodal import HyperMultimodal

# A training has about this many steps in an epoch and in all, within these batches and epochs.
STEPS, ALL_STEPS = 20, 400
SMALLEST_BATCH, LARGEST_BATCH = 16, 128
MOST_EPOCHS = 60


@dataclass(frozen=True)
class Problem:
    """All that a training of the search needs to know; it can be sent to other processes."""

    settings: SearchSettings
    data: Any

    @cached_property
    def objective(self) -> Objective:
        """What trials are judged by."""
        task = self.data.task
        name = self.settings.objective or default_objective(task, self.data.train.targets)
        objective = OBJECTIVES[name]
        if task not in objective.tasks:
            known = ", ".join(o.name for o in objectives_of(task))
            raise wrong("objective", f"one of {known} for {task}", name)
        return objective

    @cached_property
    def batch_size(self) -> int:
        """The examples of a step: fewer where there are few rows, for the sake of steps."""
        if self.settings.batch_size is not None:
            return self.settings.batch_size
        size = 2 ** round(math.log2(max(1.0, len(self.data.train.targets) / STEPS)))
        return min(max(size, SMALLEST_BATCH), LARGEST_BATCH)

    @cached_property
    def steps(self) -> int:
        """The steps of an epoch."""
        return -(-len(self.data.train.targets) // self.batch_size)

    @cached_property
    def epochs(self) -> int:
        """The most epochs of a training."""
        return self.settings.epochs or min(max(8, -(-ALL_STEPS // self.steps)), MOST_EPOCHS)

    @cached_property
    def class_weight(self) -> dict[int, float] | None:
        """What an example of each class counts, if they are to be balanced."""
        if self.settings.class_weight is None:
            return None
        if self.data.task not in ("binary", "multiclass"):
            raise wrong("class_weight", f"None for {self.data.task}", self.settings.class_weight)
        targets = self.data.train.targets
        counts = np.bincount(targets, minlength=len(self.data.classes))
        return {c: len(targets) / (len(counts) * n) if n else 0.0 for c, n in enumerate(counts)}

    @cached_property
    def target_statistics(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The means and the standard deviations of the numbers to predict."""
        if self.data.task != "regression":
            return None
        targets = self.data.train.targets.astype("float64")
        targets = targets.reshape(len(targets), -1)
        deviations = targets.std(0)
        return targets.mean(0), np.where(deviations > 0, deviations, 1.0)

    @cached_property
    def hypermodel(self) -> HyperMultimodal:
        """The models that are searched."""
        return _hypermodel(self)

    def check(self) -> None:
        """Refuses at once what would end a search after its first training."""
        _ = self.objective, self.class_weight, self.hypermodel
        if self.settings.calibrate and self.data.task == "regression":
            raise wrong("calibrate", "False for regression, which has no probabilities", True)
        for name in ("validation", "test"):
            split = getattr(self.data, name)
            outputs = (len(split.targets), len(self.data.classes))
            predictions = np.full(outputs, 1 / outputs[1], "float32")
            score = self.objective.score(self.data.task, split.targets, predictions)
            if not math.isfinite(score):
                raise SearchError(
                    f"{self.objective.title} is not defined on {name}, which has "
                    f"{len(split.targets)} rows; choose another --objective or other splits."
                )


def load(settings: SearchSettings) -> Any:
    """The data set that the settings name."""
    try:
        return datasets.load_arrays(
            settings.dataset,
            target=settings.target,
            kinds=settings.kinds,
            test=settings.test,
            shares=settings.shares,
            group=settings.group,
            time=settings.time,
            task=settings.task,
            data_dir=settings.data_dir,
            seed=settings.seed,
        )
    except (ValueError, FileNotFoundError) as error:
        raise SearchError(" ".join(str(error).split())) from error


def _hypermodel(problem: Problem) -> HyperMultimodal:
    settings, data = problem.settings, problem.data
    if len(data.inputs) == 1 and settings.spaces == ("fusion",):
        raise SearchError(
            f"{settings.source} has one input, so there is no fusion to search; add gating."
        )
    specs = {
        name: {
            "kind": spec.kind,
            "shape": spec.shape,
            "vocabulary_size": spec.vocabulary_size,
            "vocabulary_sizes": spec.vocabulary_sizes,
            "normalized": spec.normalized,
            "dtype": str(data.train.inputs[name].dtype),
        }
        for name, spec in data.inputs.items()
    }
    try:
        hypermodel = HyperMultimodal(
            specs,
            len(data.classes),
            settings.spaces,
            max_parameters=settings.match_parameters,
            training_steps=problem.epochs * problem.steps,
            task=data.task,
            target_statistics=problem.target_statistics,
        )
        hypermodel.declare_hyperparameters(keras_tuner.HyperParameters())
        # The baseline at least has to be as small.
        hypermodel.narrowest(keras_tuner.HyperParameters())
    except ValueError as error:
        raise SearchError(str(error)) from error
    return hypermodel
