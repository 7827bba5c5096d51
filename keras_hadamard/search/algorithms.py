"""KerasTuner's algorithms, each begun with the baseline, for several trials at a time.

After a restart they are asked for the trials that the records have once more, one after the other,
whatever the order in which those ended.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)

from keras_hadamard.search.trainings import Trial


class BaselineFirst:
    """Mixin of an oracle: the first trial has the defaults, the algorithm chooses the others."""

    def populate_space(self: Any, trial_id: str) -> dict[str, Any]:
        if not self.start_order:
            defaults = keras_tuner.HyperParameters()
            # In the space's order, so that a parent's default decides which children are active.
            defaults.merge(self.get_space().space)
            return {"status": "RUNNING", "values": defaults.values}
        return dict(super().populate_space(trial_id))  # type: ignore[misc]


class RandomOracle(BaselineFirst, RandomSearchOracle):
    """Random search."""


class BayesianOracle(BaselineFirst, BayesianOptimizationOracle):
    """Bayesian optimisation that spends no trial on what was tried before."""

    # Recorded trials by number. Past the random start their values are taken from here in a replay:
    # fitting the Gaussian process again for each of them would cost seconds a trial.
    recorded: Mapping[int, Trial] = {}

    def populate_space(self: Any, trial_id: str) -> dict[str, Any]:
        tried = [t.hyperparameters.values for t in self.trials.values()]
        done = sum(t.status == "COMPLETED" for t in self.trials.values())
        known = self.recorded.get(len(tried) + 1)
        if known is not None and done >= self.num_initial_points:
            return {"status": "RUNNING", "values": dict(known.configuration)}
        # A state of its own for each trial: the next one is the same after a replay.
        self._random_state = np.random.RandomState(self.seed + len(tried))
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits

        # The matrices are so small that more threads than one take fifty times as long.
        with threadpool_limits(1), warnings.catch_warnings():
            # Scores of a few trials say little about the kernel's scale, which nobody can mend.
            warnings.simplefilter("ignore", ConvergenceWarning)
            response = super().populate_space(trial_id)
        if response["status"] == "RUNNING" and response["values"] in tried:
            values = self._random_values()
            status = "STOPPED" if values is None else "RUNNING"
            return {"status": status, "values": values}
        return dict(response)

    def _vectorize_trials(self: Any) -> Any:
        """The trials as vectors, with a guess for those that run.

        KerasTuner guesses before it fits what it guesses by: the first guess knew no score at all.
        """
        if self.ongoing_trials:
            trials = self.trials
            self.trials = {i: t for i, t in trials.items() if t.status == "COMPLETED"}
            try:
                self.gpr.fit(*super()._vectorize_trials())
            finally:
                self.trials = trials
        return super()._vectorize_trials()


class _BracketRuns(Exception):
    """A bracket has nothing to begin until its trials that run have ended."""


class HyperbandSearchOracle(BaselineFirst, HyperbandOracle):
    """Hyperband, whose baseline is trained to the end and stands outside the brackets.

    A bracket begins when the one before has ended: KerasTuner would begin one for each trial that
    finds nothing to do at the moment, and use up the trials before any of them is trained for long.
    """

    # Recorded trials by number. A replay puts them where they belong, in whatever order they ended.
    recorded: Mapping[int, Trial] = {}

    def populate_space(self: Any, trial_id: str) -> dict[str, Any]:
        record = self.recorded.get(len(self.start_order) + 1)
        if record is not None and self.start_order:
            self._remove_completed_brackets()
            return self._continued(trial_id, record) or self._begun(trial_id, record)
        try:
            return super().populate_space(trial_id)
        except _BracketRuns:
            return {"status": "IDLE"}

    def _increment_bracket_num(self: Any) -> None:
        if self.ongoing_trials:
            raise _BracketRuns
        super()._increment_bracket_num()

    def _continued(self: Any, trial_id: str, record: Trial) -> dict[str, Any] | None:
        """A recorded trial that trained an earlier one for longer, if there is such a one."""
        for bracket in self._brackets:
            for number, past in enumerate(bracket["rounds"][:-1], 1):
                selected = bracket["rounds"][number]
                if self._get_epochs(bracket["bracket_num"], number) != record.epochs:
                    continue
                for one in {i["id"] for i in past} - {i["past_id"] for i in selected}:
                    if _searched(self.trials[one].hyperparameters.values) == record.configuration:
                        selected.append({"past_id": one, "id": trial_id})
                        return self._as_recorded(record)
        return None

    def _begun(self: Any, trial_id: str, record: Trial) -> dict[str, Any]:
        """A recorded trial of the first round of a bracket."""
        for _ in range(self._get_num_brackets()):
            for bracket in self._brackets:
                number = bracket["bracket_num"]
                room = len(bracket["rounds"][0]) < self._get_size(number, 0)
                if room and self._get_epochs(number, 0) == record.epochs:
                    # Drawn as well, so that what is drawn next is another one.
                    self._random_trial(trial_id, bracket)
                    return self._as_recorded(record)
            super()._increment_bracket_num()
            self._start_new_bracket()
        return self._as_recorded(record)

    def _as_recorded(self, record: Trial) -> dict[str, Any]:
        values = {**record.configuration, "tuner/epochs": record.epochs}
        return {"status": "RUNNING", "values": values}


def _searched(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a trial without those by which KerasTuner finds its way."""
    return {n: v for n, v in values.items() if not n.startswith("tuner/")}


class GridOracle(GridSearchOracle):
    """Grid search, which begins with the default values by itself.

    The whole grid is known before, so a trial need not have ended for the next one to begin.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        response = super().populate_space(trial_id)
        if response["status"] == "RUNNING":
            self._populate_next.append(trial_id)
        return dict(response)
