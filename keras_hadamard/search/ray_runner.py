"""Trials as tasks of Ray: on processes of this machine, or on the machines of a cluster."""

import time
from collections.abc import Sequence
from typing import Any

from keras_hadamard._version import __version__
from keras_hadamard.ops._onednn import SWITCH, onednn_is_on
from keras_hadamard.search.ray_session import RaySession
from keras_hadamard.search.remote import packed, run_remotely
from keras_hadamard.search.resources import Node, described, request
from keras_hadamard.search.runners import Runner
from keras_hadamard.search.settings import SearchError
from keras_hadamard.search.state import SearchState
from keras_hadamard.search.tasks import Task
from keras_hadamard.search.trainings import FAILED, Trial

# How often a trial whose worker was lost is run again, elsewhere if its machine is gone.
RETRIES = 3
# Trials of a process: TensorFlow keeps memory of every model, which the next process has back.
RENEWAL = 10
# Seconds in which a cluster has to have a machine that fits a trial.
PATIENCE = 15.0
# Seconds between two looks at the machines of the cluster.
LOOK = 10.0


class RayRunner(Runner):
    """Runs trials on Ray. What is known of them stays here: a worker gets a task and its data."""

    def __init__(self, search: SearchState) -> None:
        self.search, self.settings = search, search.settings
        self.session = RaySession(search.settings)
        # None for as many as fit, which only a cluster is asked for.
        self.workers = search.settings.workers or (None if search.settings.cluster else 1)
        # By Ray's references to the results: the tasks, and when they were given away.
        self.running: dict[Any, tuple[Task, float]] = {}
        self.starved = False

    def __enter__(self) -> "RayRunner":
        self.session.begin()
        try:
            self._prepare()
        except BaseException:
            self.session.end()
            raise
        return self

    def _prepare(self) -> None:
        ray = self.session.ray
        self.request = request(self.settings, self._wait_for_room(), self.workers)
        env = {
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            # As it is here, for the same numbers.
            SWITCH: str(int(onednn_is_on())),
            "TF_NUM_INTRAOP_THREADS": str(self.request.threads),
            "TF_NUM_INTEROP_THREADS": str(self.request.threads),
            # Or the first of those that share a graphics processor takes all its memory.
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        }
        self.remote = ray.remote(
            num_cpus=self.request.cpu,
            num_gpus=self.request.gpu,
            memory=self.request.memory or None,
            max_retries=RETRIES,
            max_calls=RENEWAL,
            runtime_env={"env_vars": env},
        )(run_remotely)
        # Once, for all trials.
        self.problem = ray.put(packed(self.search.problem))

    @property
    def capacity(self) -> int:
        if self.workers:
            return self.workers
        return max(1, sum(self.request.fits(node) for node in self.session.nodes()))

    def start(self, task: Task) -> None:
        # Ray hands over what stands in a list as it is: the worker keeps the data for later trials.
        reference = self.remote.remote(task, [self.problem], self.search.callbacks, __version__)
        self.running[reference] = task, time.time()

    def wait(self) -> Trial:
        ended: Sequence[Any] = ()
        while not ended:
            ended, _ = self.session.ray.wait(list(self.running), timeout=LOOK)
            self._look()
        task, started = self.running.pop(ended[0])
        return self._record(ended[0], task, started)

    def __exit__(self, *error: object) -> None:
        for reference in self.running:
            self.session.cancel(reference)
        self.session.end()

    def _record(self, reference: Any, task: Task, started: float) -> Trial:
        exceptions = self.session.ray.exceptions
        try:
            return Trial(**self.session.ray.get(reference))
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, SearchError):
                raise SearchError(str(error.cause)) from None
            said = _last_line(error)
            raise SearchError(f"Trial {task['number']} could not be run there: {said}") from error
        except (
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.OutOfMemoryError,
            exceptions.ObjectLostError,
        ) as error:
            return self._lost(task, started, error)
        except exceptions.RayError as error:
            raise SearchError(f"Ray failed: {_last_line(error)}") from error

    def _lost(self, task: Task, started: float, error: Exception) -> Trial:
        """The record of a trial that nobody lived to end: it may be what kills its workers."""
        known = isinstance(error, self.session.ray.exceptions.OutOfMemoryError)
        why = "as its machine ran out of memory" if known else "perhaps out of memory"
        return Trial(
            number=task["number"],
            configuration=task["configuration"],
            seed=task["seed"],
            epochs=task["epochs"],
            status=FAILED,
            objective=self.search.problem.objective.name,
            score=None,
            parameters=None,
            seconds=time.time() - started,
            curve=[],
            reason=f"its worker was lost {RETRIES + 1} times, {why}",
            started=started,
            latency_weight=self.settings.latency_weight,
            weights=self.settings.weights,
        )

    def _wait_for_room(self) -> list[Node]:
        """The machines, as soon as one of them holds a trial."""
        end = time.monotonic() + (PATIENCE if self.settings.cluster else 0.0)
        while True:
            nodes = self.session.nodes()
            wanted = request(self.settings, nodes, self.workers)
            if any(wanted.fits(node) for node in nodes):
                return nodes
            if time.monotonic() >= end:
                where = f"of the cluster {self.settings.cluster}" if self.settings.cluster else ""
                raise SearchError(
                    f"No machine {where} has what a trial asks for, {wanted}; change "
                    f"--trial-resources. There are: {described(nodes)}".replace("  ", " ")
                )
            time.sleep(0.5)

    def _look(self) -> None:
        """Says it once when all machines that hold a trial have gone; others may come."""
        starved = not any(self.request.fits(node) for node in self.session.nodes())
        if starved and not self.starved:
            self.search.progress.say(f"Waiting for a machine that has {self.request}")
        self.starved = starved


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
