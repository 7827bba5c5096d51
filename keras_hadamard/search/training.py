"""One training of one configuration."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_hadamard._core.optimizer import build_optimizer
from keras_hadamard.pruning import PrunedModel, sparsity_report, strip
from keras_hadamard.search.deployment import DeployedModel
from keras_hadamard.search.latency import latency
from keras_hadamard.search.limits import Deadline, LimitExceeded, Limits, exceeded, measure
from keras_hadamard.search.median_stopping import MedianStopping
from keras_hadamard.search.objectives import loss
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.strategies import divisible_batch_size, replicated
from keras_hadamard.search.traced_models import TracedModels
from keras_hadamard.search.trainings import COMPLETED, FAILED, REFUSED, Configuration

OnEpoch = Callable[[int, float], None]
# Under this name early stopping finds the score of an epoch, more of which is better.
SCORE = "val_score"


@dataclass(frozen=True)
class Outcome:
    """What a training came to; `result` fits a record's fields.

    `deployed` is the model as a device runs it, where that is what counts.
    """

    result: dict[str, Any]
    model: keras.Model | None
    deployed: DeployedModel | None = None


class Validation(keras.callbacks.Callback):
    """Scores each epoch on the validation split, before other callbacks look at the score."""

    def __init__(self, problem: Problem, batch_size: int, on_epoch: OnEpoch) -> None:
        super().__init__()
        self.problem, self.batch_size, self.on_epoch = problem, batch_size, on_epoch
        self.scores: list[float] = []
        self.losses: list[float] = []
        self.training_losses: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        problem, logs = self.problem, {} if logs is None else logs
        split, task = problem.data.validation, problem.data.task
        predictions = predict(self.model, split.inputs, self.batch_size)
        trained = float(logs["loss"])
        if not (math.isfinite(trained) and np.isfinite(predictions).all()):
            raise FloatingPointError(f"the loss became NaN or infinite in epoch {epoch + 1}")
        self.scores.append(problem.objective.score(task, split.targets, predictions))
        statistics = problem.target_statistics
        deviations = None if statistics is None else statistics[1]
        self.losses.append(loss(task, split.targets, predictions, deviations))
        self.training_losses.append(trained)
        logs["val_loss"] = self.losses[-1]
        logs[SCORE] = problem.objective.better(self.scores[-1])
        self.on_epoch(epoch + 1, self.best(0))

    def best(self, first: int) -> float:
        """The best score of an epoch from the `first` on."""
        return max(self.scores[first:], key=self.problem.objective.better)


def train(
    problem: Problem,
    configuration: Configuration,
    *,
    seed: int,
    epochs: int,
    on_epoch: OnEpoch,
    limits: Limits,
    refuse: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    traced: TracedModels | None = None,
    medians: Sequence[float] | None = None,
) -> Outcome:
    """Trains a configuration and keeps the weights of its best epoch.

    A model beyond the limits is not trained, if such are to be refused. A configuration that cannot
    be trained is a result like any other, with the reason. `traced` has the models of former
    trainings on the same data, one of which is trained anew where there is one. `medians` are the
    scores that a training has to have at each epoch to go on.
    """
    start = time.monotonic()
    result: dict[str, Any] = {
        "configuration": configuration,
        "objective": problem.objective.name,
        "seed": seed,
        "epochs": epochs,
        "score": None,
        "parameters": None,
        "curve": [],
        "started": time.time(),
    }
    strategy = problem.settings.strategy
    hypermodel, data = problem.hypermodel, problem.data
    validation = Validation(
        problem,
        divisible_batch_size(len(data.validation.targets), problem.batch_size, strategy),
        on_epoch,
    )
    model = deployed = None
    try:
        # Forgets the graphs of earlier trials, which would pile up.
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(configuration)
        model = hypermodel.build(hp)
        pruned = isinstance(model, PrunedModel)
        # Masks and their schedule are no variables.
        if traced is not None and strategy is None and not pruned:
            model = traced.take(configuration, model)
        plain = model.model if pruned else model
        measured = measure(plain, data.validation.inputs, limits)
        if problem.settings.deploy and {"latency", "exported"} & set(measured):
            file = DeployedModel(problem, plain)
            costs = {"latency": file.milliseconds, "exported": file.megabytes}
            measured |= {name: costs[name] for name in costs if name in measured}
        result.update(measured)
        reason = exceeded(limits if refuse else {}, **measured)
        if reason is not None:
            raise LimitExceeded(reason)
        # A training that is cut short may end before.
        first = min(settled(model, problem.steps), epochs - 1) if pruned else 0
        deadline = Deadline(limits.get("max_trial_seconds"))
        # Of a pruned model no score counts before it is sparse.
        median = MedianStopping(
            None if pruned else medians, lambda: problem.objective.better(validation.best(0))
        )
        fitted = replicated(model, lambda: hypermodel.build(hp), strategy)
        build_optimizer(fitted)
        fitted.fit(
            data.train.inputs,
            data.train.targets,
            batch_size=divisible_batch_size(len(data.train.targets), problem.batch_size, strategy),
            epochs=epochs,
            class_weight=problem.class_weight,
            verbose=0,
            callbacks=[
                keras.callbacks.TerminateOnNaN(),
                validation,
                deadline,
                median,
                decaying_rate(epochs),
                keras.callbacks.EarlyStopping(
                    SCORE,
                    mode="max",
                    patience=max(2, epochs // 4),
                    start_from_epoch=first,
                    restore_best_weights=True,
                ),
                *copy.deepcopy(list(callbacks)),
            ],
        )
        if fitted is not model:
            model.set_weights(fitted.get_weights())
        if deadline.passed:
            result["reason"] = f"its time was used up in epoch {len(validation.scores)}"
        elif median.stopped:
            result["reason"] = f"below the median of other trials in epoch {median.stopped}"
        if len(validation.scores) <= first:
            raise TimeoutError(f"{result['reason']}, before it was as sparse as it was to become")
        if pruned:
            model = without_masks(model)
        if "pruning" in hypermodel.spaces:
            result["nonzero"] = sparsity_report(model).nonzero
        score = validation.best(first)
        if problem.settings.deploy:
            deployed = DeployedModel(problem, model)
            answers = deployed.predict(data.validation.inputs)
            score = problem.objective.score(data.task, data.validation.targets, answers)
            result.update(latency=deployed.milliseconds, exported=deployed.megabytes)
        if "latency" not in result:
            result["latency"] = latency(model, data.validation.inputs)
        result.update(status=COMPLETED, score=score)
    except LimitExceeded as error:
        model = None
        result.update(status=REFUSED, reason=str(error))
    except Exception as error:
        # The search continues without it, whatever it was: out of memory, a layer that refuses the
        # shapes, a loss that is no number.
        model = None
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        result.update(status=FAILED, reason=reason)
    result.update(
        curve=validation.scores,
        losses=validation.training_losses,
        validation_losses=validation.losses,
        seconds=time.monotonic() - start,
    )
    return Outcome(result, model, deployed)


def settled(model: PrunedModel, steps: int) -> int:
    """The first epoch after which a model is as sparse as it becomes: before, no score counts."""
    return max(0, -(-(model.schedule.end_step or 0) // steps) - 1)


def without_masks(model: PrunedModel) -> keras.Model:
    """The plain model that a pruned one has become, compiled as it was."""
    plain = strip(model)
    plain.compile_from_config(model.get_compile_config())
    return plain


def decaying_rate(epochs: int) -> keras.callbacks.Callback:
    """The learning rate over the epochs."""

    def decay(epoch: int, rate: float) -> float:
        return rate * _share(epoch, epochs) / _share(epoch - 1, epochs) if epoch else rate

    return keras.callbacks.LearningRateScheduler(decay)


def _share(epoch: int, epochs: int) -> float:
    """The share of the learning rate in an epoch: high for long, as trainings are short."""
    return math.cos(0.5 * math.pi * epoch / epochs)


def predict(model: keras.Model, inputs: Any, batch_size: int) -> np.ndarray:
    """The predictions of a model, a row for each example."""
    return np.asarray(model.predict(inputs, batch_size=batch_size, verbose=0))
