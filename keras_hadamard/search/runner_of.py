"""Which runner a search gets."""

import importlib.util

from keras_hadamard.search.ray_runner import RayRunner
from keras_hadamard.search.runners import LocalRunner, Runner
from keras_hadamard.search.state import SearchState

# TensorFlow keeps memory of every model: 17 MB a trial over 30 trials of tiny ones. More trials
# than these run in processes that are renewed, where there is Ray and nobody says otherwise.
MANY = 20


def runner_of(search: SearchState) -> Runner:
    """The runner that the settings of a search ask for."""
    if search.settings.parallel or _had_rather_be_renewed(search):
        return RayRunner(search)
    return LocalRunner(search)


def _had_rather_be_renewed(search: SearchState) -> bool:
    settings = search.settings
    many = settings.max_trials - len(search.records.trials) > MANY
    # Callbacks are the caller's, who may look at them afterwards.
    free = settings.workers is None and settings.strategy is None and not search.callbacks
    return many and free and importlib.util.find_spec("ray") is not None
