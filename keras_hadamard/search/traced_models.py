"""Models whose steps were traced, for further trainings of the same configuration."""

import json

import keras

from keras_hadamard._core.optimizer import build_optimizer
from keras_hadamard.search.trainings import Configuration


class TracedModels:
    """Keeps one model of each configuration of a problem.

    To trace the steps of a model takes as long as an epoch of some thousand rows. A training with
    another seed has the same steps, so it takes the kept model, with the variables of a new one.
    """

    def __init__(self) -> None:
        self._models: dict[str, keras.Model] = {}

    def take(self, configuration: Configuration, made: keras.Model) -> keras.Model:
        """The kept model in the state of the one that was made, or that one, which is then kept."""
        kept = self._models.setdefault(json.dumps(configuration, sort_keys=True), made)
        build_optimizer(made)
        if kept is not made:
            for ours, theirs in (
                (kept.variables, made.variables),
                (kept.optimizer.variables, made.optimizer.variables),
            ):
                for variable, value in zip(ours, theirs, strict=True):
                    variable.assign(value)
        return kept
