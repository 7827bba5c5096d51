"""Where trials run: here, one by one, or on processes of this machine or of a cluster."""

import importlib.util
from contextlib import AbstractContextManager

from keras_hadamard.search.state import SearchState
from keras_hadamard.search.tasks import Task, run_task
from keras_hadamard.search.trainings import Trial

# TensorFlow keeps memory of every model, some 13 MB of a tiny one. More trials than these run in
# processes that are renewed, where there is Ray and nobody says otherwise.
MANY = 20


class Runner(AbstractContextManager["Runner"]):
    """Runs trials."""

    @property
    def capacity(self) -> int:
        """How many trials are to run at a time."""
        return 1

    def start(self, task: Task) -> None:
        """Begins a trial."""
        raise NotImplementedError

    def wait(self) -> Trial:
        """Waits until a trial that was begun has ended; returns its record."""
        raise NotImplementedError

    def __exit__(self, *error: object) -> None:
        """Ends what runs."""


class LocalRunner(Runner):
    """Runs trials in this process, one by one."""

    def __init__(self, search: SearchState) -> None:
        self.search = search
        self.tasks: list[Task] = []

    def start(self, task: Task) -> None:
        self.tasks.append(task)

    def wait(self) -> Trial:
        search = self.search
        return run_task(self.tasks.pop(), search.problem, search.progress.epoch, search.callbacks)


def runner_of(search: SearchState) -> Runner:
    """The runner that the settings of a search ask for."""
    if search.settings.parallel or _had_rather_be_renewed(search):
        from keras_hadamard.search.ray_runner import RayRunner

        return RayRunner(search)
    return LocalRunner(search)


def _had_rather_be_renewed(search: SearchState) -> bool:
    settings = search.settings
    many = settings.max_trials - len(search.records.trials) > MANY
    # Callbacks are the caller's, who may look at them afterwards.
    free = settings.workers is None and settings.strategy is None and not search.callbacks
    return many and free and importlib.util.find_spec("ray") is not None
