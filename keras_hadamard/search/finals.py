"""The trainings of the finalists, resumed where a former start stopped."""

import math
from pathlib import Path

import keras

from keras_hadamard.search.files import drafted
from keras_hadamard.search.finalists import choose
from keras_hadamard.search.limits import time_limit_only
from keras_hadamard.search.objectives import objectives_of
from keras_hadamard.search.run_folder import STATE
from keras_hadamard.search.state import SearchState
from keras_hadamard.search.traced_models import TracedModels
from keras_hadamard.search.training import predict, train
from keras_hadamard.search.trainings import FAILED, Configuration, Final

# Far from the seeds of the trials, which are the search's seed plus their number.
FIRST_SEED = 1_000_000


class Finals:
    """Trains the finalists of a search."""

    def __init__(self, search: SearchState) -> None:
        self.search = search
        self.problem, self.settings = search.problem, search.settings
        self.records = search.records
        self.traced = TracedModels()

    def run(self) -> bool:
        """Trains what is missing; returns whether time sufficed for all seeds."""
        chosen = choose(self.records, self.problem.epochs, self.settings.limits)
        tried = [(f.configuration, f.seed) for f in self.records.finals]
        # All finalists with the first seed, then all with the second: a budget that ends in between
        # leaves them comparable.
        missing = [
            (i, trial)
            for i in range(self.settings.seeds)
            for trial in chosen
            if (trial.configuration, self._seed(i)) not in tried
        ]
        progress = self.search.progress
        for done, (i, trial) in enumerate(missing):
            if i > 0 and not self.search.budget.allows(1):
                return False
            title = f"finalist trial {trial.number}, seed {i + 1}/{self.settings.seeds}"
            progress.begin(title, trial.configuration, len(missing) - done)
            progress.end(self.train(trial.configuration, self._seed(i)))
        return True

    def train(self, configuration: Configuration, seed: int) -> Final:
        """Trains a configuration and records it."""
        outcome = train(
            self.problem,
            configuration,
            seed=seed,
            epochs=self.problem.epochs,
            on_epoch=self.search.progress.epoch,
            limits=time_limit_only(self.settings.limits),
            callbacks=self.search.callbacks,
            traced=self.traced,
        )
        weights = {"latency_weight": self.settings.latency_weight, "weights": self.settings.weights}
        result = {**outcome.result, **weights}
        if outcome.model is None:
            final = Final(**result)
            self.records.add_final(final)
            return final
        # The file before the record: a record promises that there is a model.
        self._save(outcome.model, self.model_path(configuration, seed))
        data = self.problem.data
        if outcome.deployed is None:
            predictions = predict(outcome.model, data.test.inputs, self.problem.batch_size)
        else:
            predictions = outcome.deployed.predict(data.test.inputs)
        scores = {
            o.name: o.score(data.task, data.test.targets, predictions)
            for o in objectives_of(data.task)
        }
        # Of test rows of one class there is no AUC.
        metrics = {name: score for name, score in scores.items() if math.isfinite(score)}
        final = Final(**result, test=metrics[self.problem.objective.name], metrics=metrics)
        self.records.add_final(final, predictions)
        return final

    def model_path(self, configuration: Configuration, seed: int) -> Path:
        number = self.records.number_of(configuration)
        return self.records.folder / STATE / f"trial-{number}-seed-{seed}.keras"

    def model_of(self, final: Final) -> Path:
        """The file of a final's model, which is trained again if the file is gone or damaged."""
        path = self.model_path(final.configuration, final.seed)
        if not path.exists():
            again = self.train(final.configuration, final.seed)
            if again.status == FAILED:
                raise RuntimeError(f"The best model could not be trained again: {again.reason}")
        return path

    def _seed(self, index: int) -> int:
        return self.settings.seed + FIRST_SEED + index

    def _save(self, model: keras.Model, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        with drafted(path) as draft:
            model.save(draft)
