"""What the parts of a search share: the problem, the records, the budget, the progress."""

from collections.abc import Sequence
from typing import Any, TextIO

import keras

from keras_hadamard._core.extras import require
from keras_hadamard.search.budget import Budget
from keras_hadamard.search.mlflow_log import MLflowLog
from keras_hadamard.search.problem import Problem, load
from keras_hadamard.search.progress import Progress
from keras_hadamard.search.rebuild import about, write_reports
from keras_hadamard.search.records import Records
from keras_hadamard.search.run import DatasetInfo, Run
from keras_hadamard.search.settings import SearchSettings
from keras_hadamard.search.trainings import Trial

# Looked for before hours of training rather than after them.
PACKAGES = {
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "jinja2": "jinja2",
    "plotly": "plotly",
    "rich": "rich",
}


class SearchState:
    """A search as its trials, its finals and its runners see it."""

    def __init__(
        self,
        settings: SearchSettings,
        data: Any = None,
        *,
        stream: TextIO | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        for module, package in PACKAGES.items():
            require(module, package, "keras_hadamard.search")
        self.settings, self.callbacks = settings, tuple(callbacks)
        self.problem = Problem(settings, load(settings) if data is None else data)
        self.problem.check()
        self.folder = settings.folder
        self.facts = DatasetInfo.of(self.problem)
        self.records = Records(self.folder)
        self.budget = Budget(settings.budget, self.records)
        self.progress = Progress(self.records, self.budget, self.problem.objective, stream)
        address, say = settings.mlflow, self.progress.say
        self.mlflow = MLflowLog(address, self.folder, say) if address else None

    def report(self, *notes: str) -> Run:
        """Writes the reports of what there is so far; returns the run."""
        self.records.about = about(self.settings, self.facts, notes)
        run = Run(self.settings, self.facts, self.records, notes)
        if self.records.trials and self.records.trials[0].baseline:
            write_reports(run)
        return run

    def end_trial(self, trial: Trial) -> None:
        """Tells of a trial; the first one draws the reports, so that what fails there fails now."""
        self.progress.end(trial)
        if self.mlflow:
            self.mlflow.log(self.records.trials)
        if trial.number == 1:
            self.report()
