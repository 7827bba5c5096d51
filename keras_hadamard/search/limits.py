"""What a training may cost, and how it is kept to that."""

import math
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from keras_hadamard.search.latency import latency

# None is for what is measured and not limited.
Limits = Mapping[str, float | None]


class LimitExceeded(Exception):
    """A model is beyond a limit, so it is not trained."""


def exceeded(limits: Limits, **measured: float | None) -> str | None:
    """By what a model is beyond the limits, or None.

    Measured are `parameters`, `latency`, `macs` and `exported`, each where it is known.
    """
    for limit, (name, says) in MEASURES.items():
        most, value = limits.get(limit), measured.get(name)
        if most is not None and value is not None and value > most:
            return f"{says(value)}, more than {says(most).split()[0]}"
    return None


# By the limit: the field of a record, and how a value of it is said.
MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "max_parameters": ("parameters", lambda n: f"{n:,} parameters"),
    "max_macs": ("macs", lambda n: f"{n:,} multiplications"),
    "max_latency_ms": ("latency", lambda ms: f"{ms:.3g} ms"),
    "max_exported_mb": ("exported", lambda mb: f"{mb:.3g} MB"),
}


def measure(model: keras.Model, inputs: Mapping[str, Any], limits: Limits) -> dict[str, float]:
    """What the limits are on, of a model that need not be trained."""
    found: dict[str, float] = {"parameters": int(model.count_params())}
    if "max_macs" in limits:
        from keras_hadamard.serving import multiply_accumulates

        found["macs"] = multiply_accumulates(model)
    if "max_latency_ms" in limits:
        found["latency"] = latency(model, dict(inputs))
    if "max_exported_mb" in limits:
        found["exported"] = exported(model)
    return found


def exported(model: keras.Model) -> float:
    """The megabytes of a model as it is served."""
    from keras_hadamard import serving

    with tempfile.TemporaryDirectory() as folder:
        path = serving.export(model, folder, version=1)
        return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file()) / 1e6


def time_limit_only(limits: Limits) -> Limits:
    """The limit of time, without those that refuse a model; what they are on is still measured."""
    return {n: limit if n == "max_trial_seconds" else None for n, limit in limits.items()}


def split_time_limit(limits: Limits, trainings: int) -> Limits:
    """The limits of each of the trainings that a trial consists of."""
    return {
        n: limit / max(1, trainings) if n == "max_trial_seconds" and limit else limit
        for n, limit in limits.items()
    }


class Deadline(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch, which is then validated as any other."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self.end = math.inf if seconds is None else time.monotonic() + seconds
        self.passed = False

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if time.monotonic() > self.end:
            self.passed = self.model.stop_training = True
