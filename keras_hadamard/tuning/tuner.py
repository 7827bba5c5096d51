"""The trials of a search, chosen by KerasTuner and run here or by workers."""

import shutil
from collections.abc import Callable
from typing import Any

from keras_tuner.engine.base_tuner import BaseTuner

from keras_hadamard.tuning.budget import Budget
from keras_hadamard.tuning.chief import serve
from keras_hadamard.tuning.dispatch import Task
from keras_hadamard.tuning.oracles import make_oracle
from keras_hadamard.tuning.progress import Progress
from keras_hadamard.tuning.records import Configuration, Records, Trial
from keras_hadamard.tuning.run_folder import STATE
from keras_hadamard.tuning.settings import SearchSettings
from keras_hadamard.tuning.tasks import run_trials, train_task
from keras_hadamard.tuning.tensorboard import log_trial

# Seconds between two questions of a worker that has nothing to do.
PAUSE = 0.2
Train = Callable[[Task], Trial]


class Trials:
    """Runs the trials that the records do not have."""

    def __init__(
        self,
        settings: SearchSettings,
        derived: dict[str, int],
        hypermodel: Any,
        data: Any,
        records: Records,
        budget: Budget,
        progress: Progress,
        finals: int,
    ) -> None:
        self.settings = settings
        self.hypermodel = hypermodel
        self.data = data
        self.records = records
        self.budget = budget
        self.progress = progress
        # How many trainings of finalists follow, for which time is kept.
        self.finals = finals
        recorded = {t.number: t.configuration for t in records.trials}
        self.oracle = make_oracle(settings, derived, hypermodel, recorded)
        self.oracle.verbose = 0
        self.oracle.attach(
            records, self._task, self._allows, self._begin, self._end, settings.lease
        )
        self.tuner = BaseTuner(
            self.oracle,
            # KerasTuner's own files are of no use after a restart; `overwrite` clears them.
            directory=str(records.folder / STATE),
            project_name="tuner",
            overwrite=True,
        )

    def run(self) -> str | None:
        """Runs what is missing; returns why it ended early, if it did."""
        try:
            if self.settings.distributed:
                serve(self.tuner, self.settings, self.data)
            else:
                run_trials(self.oracle, "tuner0", self._train)
        finally:
            shutil.rmtree(self.records.folder / STATE / "tuner", ignore_errors=True)
        if self.oracle.failure is not None:
            raise self.oracle.failure
        return self.oracle.over if len(self.records.trials) < self.settings.max_trials else None

    def _allows(self) -> bool:
        return self.budget.allows(1, reserve=self.finals)

    def _task(self, number: int, hp: Any) -> Task:
        return {
            "number": number,
            "configuration": active(self.hypermodel, hp),
            "seed": self.settings.seed + number,
            "epochs": int(hp.values.get("tuner/epochs", self.settings.epochs)),
        }

    def _begin(self, task: Task) -> None:
        self._show(task["number"], task["configuration"])

    def _end(self, trial: Trial) -> None:
        # With several workers the last trial that began is another one.
        self._show(trial.number, trial.configuration)
        self.progress.end(trial)
        if self.settings.tensorboard:
            log_trial(self.records.folder, trial)

    def _show(self, number: int, configuration: Configuration) -> None:
        left = self.settings.max_trials - number + 1 + self.finals
        self.progress.begin(f"trial {number}/{self.settings.max_trials}", configuration, left)

    def _train(self, task: Task) -> Trial:
        return train_task(task, self.settings, self.hypermodel, self.data, self.progress.epoch)


def active(hypermodel: Any, hp: Any) -> Configuration:
    """The values of the hyperparameters that have a say in the model."""
    hypermodel.declare_hyperparameters(hp)
    hp.ensure_active_values()
    names = dict.fromkeys(p.name for p in hp.space if hp.is_active(p))
    return {n: _plain(hp.values[n]) for n in names if not n.startswith("tuner/")}


def _plain(value: Any) -> Any:
    """A Python number in place of numpy's, which JSON does not know."""
    return value.item() if hasattr(value, "item") else value
