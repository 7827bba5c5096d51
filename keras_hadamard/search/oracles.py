"""KerasTuner's algorithms, each begun with the baseline.

The run's own records are its only memory. After a restart a fresh oracle is asked for the same
trials again and told their scores, which puts it where it was without a file of its own.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)

from keras_hadamard._core.extras import require
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.trainings import Trial

# What the algorithms raise: the score, less what costs cost.
OBJECTIVE = "value"
# A failed trial is recorded and the search goes on; KerasTuner would stop after three in a row.
NEVER = 10**9
# How the parameters end that choose what a network is made of.
KINDS = (
    "gating",
    "fusion",
    "channel_attention",
    "token_mixer",
    "recurrence",
    "high_order",
    "pruning",
)


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


def hyperband_factor(max_trials: int, epochs: int) -> int:
    """The least reduction factor whose first bracket fits into the trials after the baseline.

    With a bracket that does not fit, no configuration would ever be trained to the end.
    """
    for factor in range(3, epochs + 1):
        brackets = math.floor(math.log(epochs, factor) + 1e-9)
        last = math.ceil(1 + math.log(epochs, factor)) / (brackets + 1)
        if sum(math.ceil(last * factor**rung) for rung in range(brackets + 1)) < max_trials:
            return factor
    return epochs + 1


def derive(problem: Problem) -> dict[str, int]:
    """What an algorithm works out from the number of trials at its first start."""
    settings = problem.settings
    if settings.algorithm == "hyperband":
        return {"factor": max(2, hyperband_factor(settings.max_trials, problem.epochs))}
    if settings.algorithm == "bayesian":
        # KerasTuner's three times the number of parameters would leave no trial to optimise.
        return {"initial_points": max(3, settings.max_trials // 2)}
    return {}


def make_oracle(
    problem: Problem,
    derived: dict[str, int],
    recorded: Sequence[Trial],
) -> Any:
    """The oracle of the algorithm, knowing the whole space."""
    settings, hypermodel = problem.settings, problem.hypermodel
    space = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(space)
    space.values = {}
    common: dict[str, Any] = {
        "objective": keras_tuner.Objective(OBJECTIVE, "max"),
        # KerasTuner draws trial after trial with seed, seed + 1, ..., so neighbouring seeds would
        # search the same trials; and it takes 0 for no seed.
        "seed": 1 + 100_003 * settings.seed % 2**31,
        "max_consecutive_failed_trials": NEVER,
    }
    if settings.algorithm == "hyperband":
        oracle = HyperbandSearchOracle(
            max_epochs=problem.epochs,
            factor=derived["factor"],
            # Sweeps until the trials are used up.
            hyperband_iterations=None,
            hyperparameters=space,
            **common,
        )
        oracle.max_trials = settings.max_trials
        oracle.recorded = {trial.number: trial for trial in recorded}
        return oracle
    common["max_trials"] = settings.max_trials
    if settings.algorithm == "random":
        return RandomOracle(hyperparameters=space, **common)
    if settings.algorithm == "bayesian":
        require("scipy", "scipy", "keras_hadamard.search")
        require("sklearn", "scikit-learn", "keras_hadamard.search")
        oracle = BayesianOracle(
            num_initial_points=derived["initial_points"], hyperparameters=space, **common
        )
        oracle.recorded = {trial.number: trial for trial in recorded}
        return oracle
    return GridOracle(hyperparameters=_kinds(space), tune_new_entries=False, **common)


def _kinds(space: Any) -> Any:
    """The part of a space that a grid covers: the kinds of layers, all else at its default.

    The full grid has thousands of points and would vary a learning rate for days before it came to
    a second fusion.
    """
    kinds = keras_tuner.HyperParameters()
    chosen = [p for p in space.space if p.name.endswith(KINDS)]
    for parameter in chosen:
        kinds.Choice(parameter.name, list(parameter.values), default=parameter.default)
    return kinds


def number_of(trial: Any) -> int:
    """The number of KerasTuner's trial, from one; its name has zeros before it."""
    return int(trial.trial_id) + 1
