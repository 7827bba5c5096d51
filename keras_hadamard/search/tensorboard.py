"""The trials of a search for TensorBoard's HParams page, written without TensorFlow."""

import shutil
import time
from pathlib import Path
from typing import Any

from keras_hadamard._core.extras import require
from keras_hadamard.search.records import Records
from keras_hadamard.search.trainings import Trial

FOLDER = "tensorboard"
# What a trial came to; `value` is what trials are ranked by, larger is better.
METRICS = ("score", "value", "parameters", "milliseconds")


def write_logs(records: Records) -> None:
    """Writes the logs of all trials, in place of those there were."""
    shutil.rmtree(records.folder / FOLDER, ignore_errors=True)
    for trial in records.trials:
        log_trial(records.folder, trial)


def log_trial(folder: Path, trial: Trial) -> None:
    """Writes the log of one trial: its parameters, its learning curves and what it came to."""
    require("tensorboard", "tensorboard", "keras_hadamard.search")
    from tensorboard.plugins.hparams import api, api_pb2
    from tensorboard.plugins.hparams import summary as sessions

    name = f"trial-{trial.number}"
    ended = api_pb2.STATUS_SUCCESS if trial.completed else api_pb2.STATUS_FAILURE
    found = (trial.score, trial.value, trial.parameters, trial.latency)
    results = dict(zip(METRICS, found, strict=True))
    curves = {
        f"{trial.objective}_by_epoch": trial.curve,
        "loss_by_epoch": trial.losses,
        "validation_loss_by_epoch": trial.validation_losses,
    }
    last = len(trial.curve)
    with _Log(folder / FOLDER / name) as log:
        log.add(
            api.hparams_config_pb(
                hparams=[api.HParam(n) for n in trial.configuration],
                metrics=[api.Metric(tag) for tag in METRICS],
            )
        )
        log.add(api.hparams_pb(trial.configuration, trial_id=name))
        for tag, curve in curves.items():
            for epoch, value in enumerate(curve, start=1):
                log.add_scalar(tag, value, epoch)
        for tag, result in results.items():
            if result is not None:
                log.add_scalar(tag, result, last)
        log.add(sessions.session_end_pb(ended))


class _Log:
    """An event file, of a folder of its own."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        shutil.rmtree(folder, ignore_errors=True)
        self.writer = EventFileWriter(str(folder))

    def __enter__(self) -> "_Log":
        return self

    def __exit__(self, *error: Any) -> None:
        self.writer.close()

    def add(self, summary: Any, step: int = 0) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        # Some of TensorBoard's own are messages of TensorFlow's, of the same bytes.
        own = Summary.FromString(summary.SerializeToString())
        self.writer.add_event(Event(wall_time=time.time(), step=step, summary=own))

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        self.add(Summary(value=[Summary.Value(tag=tag, simple_value=float(value))]), step)
