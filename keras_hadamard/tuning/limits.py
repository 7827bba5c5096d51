"""What a training may cost, and how it is kept to that."""

import time
from collections.abc import Mapping

import keras

Limits = Mapping[str, float]


class LimitExceeded(Exception):
    """A model is beyond a limit, so it is not trained."""


def exceeded(limits: Limits, parameters: int | None, latency: float | None) -> str | None:
    """By what a model is beyond the limits, or None."""
    most = limits.get("max_parameters")
    if most is not None and parameters is not None and parameters > most:
        return f"{parameters:,} parameters, more than {most:,}"
    slowest = limits.get("max_latency_ms")
    if slowest is not None and latency is not None and latency > slowest:
        return f"{latency:.3g} ms, more than {slowest:g}"
    return None


def time_alone(limits: Limits) -> Limits:
    """The limit of time, without those that refuse a model."""
    return {name: limit for name, limit in limits.items() if name == "max_trial_seconds"}


def shared_out(limits: Limits, trainings: int) -> Limits:
    """The limits of each of the trainings that a trial consists of."""
    return {
        name: limit / max(1, trainings) if name == "max_trial_seconds" else limit
        for name, limit in limits.items()
    }


class Deadline(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch, which is then validated as any other."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.end = time.monotonic() + seconds
        self.passed = False

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if time.monotonic() > self.end:
            self.passed = self.model.stop_training = True
