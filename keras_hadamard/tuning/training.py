"""One training of one configuration."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_hadamard._core.optimizer import build_optimizer
from keras_hadamard.pruning import PrunedModel, sparsity_report, strip
from keras_hadamard.tuning.in_step import lead
from keras_hadamard.tuning.latency import latency
from keras_hadamard.tuning.limits import Deadline, LimitExceeded, Limits, exceeded, measure
from keras_hadamard.tuning.oracles import OBJECTIVE
from keras_hadamard.tuning.records import COMPLETED, FAILED, REFUSED, Configuration
from keras_hadamard.tuning.settings import SearchError
from keras_hadamard.tuning.strategies import even, replicated

OnEpoch = Callable[[int, float], None]


@dataclass(frozen=True)
class Outcome:
    """What a training came to; `result` fits a record's fields."""

    result: dict[str, Any]
    model: keras.Model | None


def train(
    hypermodel: Any,
    configuration: Configuration,
    data: Any,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    on_epoch: OnEpoch,
    limits: Limits,
    refuse: bool = True,
    strategy: str | None = None,
) -> Outcome:
    """Trains a configuration and keeps the weights of its best epoch.

    A model beyond the limits is not trained, if such are to be refused. A configuration that cannot
    be trained is a result like any other, with the reason.
    """
    start = time.monotonic()
    result: dict[str, Any] = {
        "configuration": configuration,
        "seed": seed,
        "epochs": epochs,
        "score": None,
        "parameters": None,
        "curve": [],
    }
    model = None
    curve: list[float] = []

    def note(epoch: int, logs: dict[str, float]) -> None:
        curve.append(float(logs[OBJECTIVE]))
        on_epoch(epoch + 1, max(curve))

    try:
        # Forgets the graphs of earlier trials, which would pile up.
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(configuration)
        batch_size = even(len(data.train.targets), batch_size, strategy)
        model = hypermodel.build(hp)
        pruned = isinstance(model, PrunedModel)
        plain = model.model if pruned else model
        measured = measure(plain, data.validation.inputs, limits)
        result.update(measured)
        reason = exceeded(limits if refuse else {}, **measured)
        if reason is not None:
            raise LimitExceeded(reason)
        steps = -(-len(data.train.targets) // batch_size)
        # A training that is cut short may end before.
        first = min(settled(model, steps), epochs - 1) if pruned else 0
        in_step = strategy == "multiworker"
        deadline = Deadline(limits.get("max_trial_seconds"), whole_epochs=in_step)
        fitted = replicated(model, lambda: hypermodel.build(hp), strategy)
        callbacks = [
            deadline,
            falling_rate(epochs),
            keras.callbacks.LambdaCallback(on_epoch_end=note),
            keras.callbacks.EarlyStopping(
                OBJECTIVE,
                mode="max",
                patience=max(2, epochs // 4),
                start_from_epoch=first,
                restore_best_weights=True,
            ),
        ]
        how: dict[str, Any] = {
            "validation_data": (data.validation.inputs, data.validation.targets),
            "validation_batch_size": even(len(data.validation.targets), batch_size, strategy),
            "epochs": epochs,
            "batch_size": batch_size,
        }
        if in_step:
            history = lead(fitted, configuration, data.train, seed=seed, callbacks=callbacks, **how)
        else:
            build_optimizer(fitted)
            callbacks = [keras.callbacks.TerminateOnNaN(), *callbacks]
            inputs, targets = data.train.inputs, data.train.targets
            history = fitted.fit(inputs, targets, verbose=0, callbacks=callbacks, **how)
        if not np.isfinite(history.history["loss"]).all():
            raise FloatingPointError(f"the loss became NaN or infinite in epoch {len(curve)}")
        if fitted is not model:
            model.set_weights(fitted.get_weights())
        if deadline.passed:
            result["reason"] = f"its time was used up in epoch {len(curve)}"
        if len(curve) <= first:
            raise TimeoutError(f"{result['reason']}, before it was as sparse as it was to become")
        if pruned:
            model = without_masks(model)
        if "pruning" in hypermodel.spaces:
            result["nonzero"] = sparsity_report(model).nonzero
        if "latency" not in result:
            result["latency"] = latency(model, data.validation.inputs)
        result.update(status=COMPLETED, score=max(curve[first:]), curve=curve)
    except SearchError:
        raise  # A process was lost, which is not the configuration's fault.
    except LimitExceeded as error:
        model = None
        result.update(status=REFUSED, reason=str(error))
    except Exception as error:
        # The search goes on without it, whatever it was: out of memory, a layer that refuses the
        # shapes, a loss that is no number.
        model = None
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        curve = [value for value in curve if np.isfinite(value)]
        result.update(status=FAILED, reason=reason, curve=curve)
    result["seconds"] = time.monotonic() - start
    return Outcome(result, model)


def settled(model: PrunedModel, steps: int) -> int:
    """The first epoch after which a model is as sparse as it becomes: before, no score counts."""
    return max(0, -(-(model.schedule.end_step or 0) // steps) - 1)


def without_masks(model: PrunedModel) -> keras.Model:
    """The plain model that a pruned one has become, compiled as it was."""
    plain = strip(model)
    plain.compile_from_config(model.get_compile_config())
    return plain


def falling_rate(epochs: int) -> keras.callbacks.Callback:
    """The learning rate over the epochs."""

    def decay(epoch: int, rate: float) -> float:
        return rate * _share(epoch, epochs) / _share(epoch - 1, epochs) if epoch else rate

    return keras.callbacks.LearningRateScheduler(decay)


def _share(epoch: int, epochs: int) -> float:
    """The share of the learning rate in an epoch: high for long, as trainings are short."""
    return math.cos(0.5 * math.pi * epoch / epochs)


def correct(model: keras.Model, split: Any, batch_size: int) -> np.ndarray:
    """Which examples of a split the model gets right."""
    scores = model.predict(split.inputs, batch_size=batch_size, verbose=0)
    return np.asarray(np.argmax(scores, axis=-1) == split.targets)
