"""Where trials run: here, one by one, or on the processes of a cluster."""

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from keras_hadamard.search.tasks import Task, run_task
from keras_hadamard.search.trainings import Trial

if TYPE_CHECKING:
    from keras_hadamard.search.search import Search


class Runner(contextlib.AbstractContextManager["Runner"], ABC):
    """Runs trials; `capacity` is how many at a time."""

    capacity = 1

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

    def __init__(self, search: "Search") -> None:
        self.search = search
        self.tasks: list[Task] = []

    def start(self, task: Task) -> None:
        self.tasks.append(task)

    def wait(self) -> Trial:
        search = self.search
        return run_task(self.tasks.pop(), search.problem, search.progress.epoch, search.callbacks)


def runner_of(search: "Search") -> Runner:
    """The runner that the settings of a search ask for."""
    return LocalRunner(search)
