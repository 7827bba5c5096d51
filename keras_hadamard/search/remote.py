"""What a worker of Ray does: it runs a task to a record."""

import functools
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import keras

from keras_hadamard._version import __version__
from keras_hadamard.layers.registry.base import Registry
from keras_hadamard.layers.registry.fusions import FUSIONS
from keras_hadamard.layers.registry.gates import GATES
from keras_hadamard.layers.registry.mixers import TOKEN_MIXERS
from keras_hadamard.layers.registry.recurrences import RECURRENCES
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.settings import SearchError
from keras_hadamard.search.tasks import Task, run_task

# What users may have added to, which a worker has to know as well.
REGISTRIES: tuple[Registry[Any], ...] = (FUSIONS, TOKEN_MIXERS, RECURRENCES, *GATES.values())


def packed(problem: Problem) -> tuple[Any, ...]:
    """The problem for a worker, with what the search's process set before."""
    registered = [registry.registered for registry in REGISTRIES]
    # What a problem has worked out it works out again where it is used.
    return replace(problem), registered, keras.config.dtype_policy().name


def run_remotely(
    task: Task,
    problem: Sequence[Any],
    callbacks: Sequence[keras.callbacks.Callback],
    version: str,
) -> dict[str, Any]:
    """Runs a task in a worker; returns the fields of its record."""
    if version != __version__:
        raise SearchError(
            f"{platform.node()} has keras-hadamard {__version__}, and the search {version}: "
            "all machines need the same."
        )
    worker = f"{platform.node()} {os.getpid()}"
    record = run_task(task, _fetched(problem[0]), _unseen, callbacks, worker)
    return asdict(record)


@functools.lru_cache(1)
def _fetched(reference: Any) -> Any:
    """The problem, which a process reads once, to be as the search's process is."""
    import ray

    problem, registered, policy = ray.get(reference)
    keras.config.set_dtype_policy(policy)
    for registry, entries in zip(REGISTRIES, registered, strict=True):
        for name, entry in entries.items():
            registry.register(name, entry)
    return problem


def _unseen(epoch: int, best: float) -> None:
    """An epoch's end, which the search does not look at from afar."""
