"""The trials of a search as runs of MLflow."""

import contextlib
import hashlib
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from keras_hadamard._core.extras import require
from keras_hadamard.search.settings import SearchError
from keras_hadamard.search.trainings import Trial

EXPERIMENT = "keras-hadamard"
KEY, FOLDER, STATUS = "search.trial", "search.folder", "search.status"
# MLflow refuses plain folders, which need no server, unless it is told; and it tries an address for
# minutes before it gives up. A user who sets these variables is heard.
SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}


class MLflowLog:
    """Logs each trial once: parameters are its configuration, metrics what came of it.

    Args:
        address: What `settings.mlflow` names: a tracking URI, or a folder.
        folder: Path of the run's folder, which tells one search's trials from another's.
        say: Function of a line, for what could not be logged.

    Raises:
        SearchError: If MLflow cannot write there.
    """

    def __init__(self, address: str, folder: Path, say: Callable[[str], None]) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        mlflow = require("mlflow", "mlflow-skinny", "Logging to MLflow", extra="mlflow")
        self.folder, self.say = str(folder.resolve()), say
        self.logged: set[str] = set()
        try:
            with _quietly():
                self.client = mlflow.MlflowClient(_uri(address))
                known = self.client.get_experiment_by_name(EXPERIMENT)
                self.experiment = (
                    known.experiment_id if known else self.client.create_experiment(EXPERIMENT)
                )
        except Exception as error:
            raise SearchError(f"MLflow cannot be used at {address}: {_line(error)}") from error

    def log(self, trials: Sequence[Trial]) -> None:
        """Logs the trials that are not logged yet, those of an earlier start included."""
        for trial in trials:
            key = self._key(trial)
            if key in self.logged:
                continue
            try:
                with _quietly():
                    self._log(trial, key)
            except Exception as error:
                # The next trial's end tries again.
                self.say(f"Trial {trial.number} could not be logged to MLflow: {_line(error)}")
                return
            self.logged.add(key)

    def _key(self, trial: Trial) -> str:
        """What no other trial has, of this folder or of one that was here before."""
        text = f"{self.folder} {trial.number} {trial.started}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _log(self, trial: Trial, key: str) -> None:
        from mlflow.entities import Metric, Param

        found = self.client.search_runs([self.experiment], f"tags.`{KEY}` = '{key}'")
        if found and found[0].info.status != "RUNNING":
            return
        begun = round(1000 * trial.started)
        tags = {KEY: key, FOLDER: self.folder, STATUS: trial.status, "worker": trial.worker}
        tags |= {"reason": trial.reason} if trial.reason else {}
        # A run that is there was not ended: a search was killed while it wrote.
        run = found[0] if found else None
        if run is None:
            run = self.client.create_run(self.experiment, begun, tags, f"trial {trial.number}")
        ended = begun + round(1000 * trial.seconds)
        self.client.log_batch(
            run.info.run_id,
            metrics=[Metric(n, v, ended, step) for n, v, step in _metrics(trial)],
            params=[Param(n, str(v)) for n, v in _params(trial).items()],
        )
        status = "FINISHED" if trial.completed else "FAILED"
        self.client.set_terminated(run.info.run_id, status, ended)


def _params(trial: Trial) -> dict[str, Any]:
    return {**trial.configuration, "seed": trial.seed, "epochs": trial.epochs}


def _metrics(trial: Trial) -> Iterator[tuple[str, float, int]]:
    """Names, values and steps."""
    last = len(trial.curve)
    for name in ("score", "value", "parameters", "nonzero", "latency", "macs", "exported"):
        value = getattr(trial, name)
        if value is not None and math.isfinite(value):
            yield name, float(value), last
    yield "seconds", trial.seconds, last
    curves = {
        f"validation_{trial.objective}": trial.curve,
        "validation_loss": trial.validation_losses,
        "loss": trial.losses,
    }
    for name, curve in curves.items():
        yield from ((name, float(v), step) for step, v in enumerate(curve, 1) if math.isfinite(v))


def _uri(address: str) -> str:
    """The address as MLflow takes it: a folder may be relative."""
    known = "://" in address or address.startswith(("file:", "databricks", "uc"))
    return address if known else Path(address).resolve().as_uri()


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        # Of what it deprecates, plain folders among it.
        warnings.simplefilter("ignore")
        yield
