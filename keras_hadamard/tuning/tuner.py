"""The loop over the trials, driven by KerasTuner."""

import shutil
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner

from keras_hadamard.tuning.budget import Budget
from keras_hadamard.tuning.oracles import OBJECTIVE, make_oracle
from keras_hadamard.tuning.progress import Progress
from keras_hadamard.tuning.records import Configuration, Records, Trial
from keras_hadamard.tuning.run_folder import STATE
from keras_hadamard.tuning.settings import SearchSettings
from keras_hadamard.tuning.training import train


class OutOfBudget(Exception):
    """No time for another trial."""


class RecordingTuner(BaseTuner):
    """Runs the trials of an oracle, and replays those that the records have."""

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
        self.searched = hypermodel
        self.data = data
        self.records = records
        self.budget = budget
        self.progress = progress
        # How many trainings of finalists follow, for which time is kept.
        self.finals = finals
        self._new: Trial | None = None
        recorded = [t.configuration for t in records.trials]
        super().__init__(
            make_oracle(settings, derived, hypermodel, recorded),
            # KerasTuner's own files are of no use after a restart; `overwrite` clears them.
            directory=str(records.folder / STATE),
            project_name="tuner",
            overwrite=True,
        )

    def run(self) -> str | None:
        """Runs what is missing; returns why it ended early, if it did."""
        try:
            self.search(verbose=0)
        except OutOfBudget:
            return "the time budget was used up"
        finally:
            shutil.rmtree(self.records.folder / STATE / "tuner", ignore_errors=True)
        if len(self.records.trials) < self.settings.max_trials:
            return "the space has no further configurations"
        return None

    def pre_create_trial(self) -> None:
        started = len(self.oracle.trials)
        new = len(self.records.trials) <= started < self.settings.max_trials
        # The first trial runs in any case: without the baseline there is nothing to report.
        if new and started and not self.budget.allows(1, reserve=self.finals):
            raise OutOfBudget

    def run_trial(self, trial: Any, **kwargs: Any) -> dict[str, float]:
        number = len(self.oracle.trials)
        own = {n: v for n, v in trial.hyperparameters.values.items() if n.startswith("tuner/")}
        if number <= len(self.records.trials):
            record = self.records.trials[number - 1]
            self._new = None
        else:
            record = self._train(number, trial.hyperparameters)
            self._new = record
        trial.hyperparameters.values = {**own, **record.configuration}
        if not record.completed or record.score is None:
            raise keras_tuner.errors.FailedTrialError(record.reason)
        return {OBJECTIVE: record.score}

    def on_trial_end(self, trial: Any) -> None:
        # Ours first: it must not depend on whether KerasTuner can write its files.
        if self._new is not None:
            self.records.add_trial(self._new)
            self.progress.end(self._new)
        super().on_trial_end(trial)

    def _train(self, number: int, hp: Any) -> Trial:
        configuration = active(self.searched, hp)
        left = self.settings.max_trials - number + 1 + self.finals
        title = f"trial {number}/{self.settings.max_trials}"
        self.progress.begin(title, configuration, left)
        outcome = train(
            self.searched,
            configuration,
            self.data,
            seed=self.settings.seed + number,
            epochs=int(hp.values.get("tuner/epochs", self.settings.epochs)),
            batch_size=self.settings.batch_size,
            on_epoch=self.progress.epoch,
        )
        return Trial(number=number, **outcome.result)


def active(hypermodel: Any, hp: Any) -> Configuration:
    """The values of the hyperparameters that have a say in the model."""
    hypermodel.declare_hyperparameters(hp)
    hp.ensure_active_values()
    names = dict.fromkeys(p.name for p in hp.space if hp.is_active(p))
    return {n: _plain(hp.values[n]) for n in names if not n.startswith("tuner/")}


def _plain(value: Any) -> Any:
    """A Python number in place of numpy's, which JSON does not know."""
    return value.item() if hasattr(value, "item") else value
