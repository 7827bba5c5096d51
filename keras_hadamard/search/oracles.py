"""The algorithm that chooses the trials of a search.

The run's own records are its only memory. After a restart a fresh oracle is asked for the same
trials again and told their scores, which puts it where it was without a file of its own.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras_tuner

from keras_hadamard._core.extras import require
from keras_hadamard.search.algorithms import (
    BayesianOracle,
    GridOracle,
    HyperbandSearchOracle,
    RandomOracle,
)
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.trainings import Trial

# What the algorithms raise: the score, less what costs cost.
OBJECTIVE = "value"
# A failed trial is recorded and the search continues; KerasTuner would stop after three in a row.
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
