"""The trials of a search: KerasTuner chooses them, a runner runs them, the records keep them."""

import shutil
from typing import Any

from keras_tuner.engine.base_tuner import BaseTuner

from keras_hadamard.search.median_stopping import medians
from keras_hadamard.search.oracles import make_oracle, number_of
from keras_hadamard.search.run_folder import STATE
from keras_hadamard.search.runner_of import runner_of
from keras_hadamard.search.runners import Runner
from keras_hadamard.search.state import SearchState
from keras_hadamard.search.tasks import Task
from keras_hadamard.search.trainings import Configuration, Trial


class Trials:
    """Runs the trials that the records of a search do not have.

    The records are the only memory: a search that resumes comes to where it was by asking the
    algorithm for the same trials again and telling it what the records know of them.
    """

    def __init__(self, search: SearchState, derived: dict[str, int], reserve: int) -> None:
        self.search = search
        self.settings, self.records = search.settings, search.records
        # How many trainings of finalists follow, for which time is kept.
        self.reserve = reserve
        self.oracle = make_oracle(search.problem, derived, self.records.trials)
        self.oracle.verbose = 0
        # Why no trial is begun any more.
        self.over: str | None = None
        BaseTuner(
            self.oracle,
            # KerasTuner's own files are of no use after a restart; `overwrite` clears them.
            directory=str(self.records.folder / STATE),
            project_name="tuner",
            overwrite=True,
        )

    def run(self) -> str | None:
        """Runs what is missing; returns why it ended early, if it did."""
        try:
            with runner_of(self.search) as runner:
                self._run(runner)
        finally:
            shutil.rmtree(self.records.folder / STATE / "tuner", ignore_errors=True)
        return self.over if len(self.records.trials) < self.settings.max_trials else None

    def _run(self, runner: Runner) -> None:
        running: dict[int, Any] = {}
        while True:
            # The first trial alone: what fails for all fails there.
            while len(running) < (runner.capacity if self.records.trials else 1):
                trial = self._next()
                if trial is None:
                    break
                task = self._task(trial)
                running[task["number"]] = trial
                self._show(task["number"], task["configuration"])
                runner.start(task)
            if not running:
                return
            record = runner.wait()
            # Ours first: it must not depend on whether KerasTuner can write its files.
            self.records.add_trial(record)
            # With several workers the last trial that began is another one.
            self._show(record.number, record.configuration)
            self.search.end_trial(record)
            self._tell(running.pop(record.number), record)

    def _next(self) -> Any:
        """A trial to run, or None; what the records have is told to the algorithm on the way."""
        while self.over is None:
            asked = len(self.oracle.trials)
            new = asked >= self.records.last
            # The first trial runs in any case: without the baseline there is nothing to report.
            if new and 0 < asked < self.oracle.max_trials and not self._allows():
                self.over = "the time budget was used up"
                break
            trial = self.oracle.create_trial(f"trial {asked + 1}")
            if trial.status != "RUNNING":
                if trial.status == "STOPPED" and not self.oracle.ongoing_trials:
                    self.over = "the space has no further configurations"
                break
            record = self.records.trial(number_of(trial))
            if record is None:
                return trial
            self._tell(trial, record)
        return None

    def _allows(self) -> bool:
        return self.search.budget.allows(1, reserve=self.reserve)

    def _tell(self, trial: Any, record: Trial) -> None:
        """Tells the algorithm what became of a trial."""
        own = {n: v for n, v in trial.hyperparameters.values.items() if n.startswith("tuner/")}
        trial.hyperparameters.values = {**own, **record.configuration}
        if record.completed:
            self.oracle.update_trial(trial.trial_id, {self.oracle.objective.name: record.value})
        trial.status = "COMPLETED" if record.completed else "FAILED"
        trial.message = record.reason
        self.oracle.end_trial(trial)

    def _task(self, trial: Any) -> Task:
        hp, number = trial.hyperparameters, number_of(trial)
        epochs = int(hp.values.get("tuner/epochs", self.search.problem.epochs))
        return {
            "number": number,
            "configuration": active(self.search.problem.hypermodel, hp),
            "seed": self.settings.seed + number,
            "epochs": epochs,
            "medians": self._medians(epochs),
        }

    def _medians(self, epochs: int) -> list[float] | None:
        """What a trial is compared with while it runs, where nothing but its score counts."""
        settings = self.settings
        # Hyperband ends trials by itself; folds are trained one after the other.
        other = settings.algorithm == "hyperband" or settings.folds
        if other or settings.full_trainings or settings.latency_weight or settings.weights:
            return None
        return medians(self.records.trials, epochs, self.search.problem.objective.better)

    def _show(self, number: int, configuration: Configuration) -> None:
        left = self.settings.max_trials - number + 1 + self.reserve
        title = f"trial {number}/{self.settings.max_trials}"
        self.search.progress.begin(title, configuration, left)


def active(hypermodel: Any, hp: Any) -> Configuration:
    """The values of the hyperparameters that have a say in the model."""
    hypermodel.declare_hyperparameters(hp)
    hp.ensure_active_values()
    names = dict.fromkeys(p.name for p in hp.space if hp.is_active(p))
    return {n: _plain(hp.values[n]) for n in names if not n.startswith("tuner/")}


def _plain(value: Any) -> Any:
    """A Python number in place of numpy's, which JSON does not know."""
    return value.item() if hasattr(value, "item") else value
