"""Where trials run: here, one by one, or on processes of this machine or of a cluster."""

from abc import abstractmethod
from contextlib import AbstractContextManager

from keras_hadamard.search.state import SearchState
from keras_hadamard.search.tasks import Task, run_task
from keras_hadamard.search.trainings import Trial


class Runner(AbstractContextManager["Runner"]):
    """Runs trials."""

    @property
    def capacity(self) -> int:
        """How many trials are to run at a time."""
        return 1

    @abstractmethod
    def start(self, task: Task) -> None:
        """Begins a trial."""

    @abstractmethod
    def wait(self) -> Trial:
        """Waits until a trial that was begun has ended; returns its record."""

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
