"""One search, many processes: KerasTuner's service of an oracle, its workers here and elsewhere."""

import contextlib
import dataclasses
import json
import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner

from keras_hadamard.tuning.local_workers import LocalWorkers
from keras_hadamard.tuning.oracles import OBJECTIVE
from keras_hadamard.tuning.problem import hypermodel_of, load
from keras_hadamard.tuning.records import Trial
from keras_hadamard.tuning.run_folder import identity
from keras_hadamard.tuning.settings import SearchError, SearchSettings
from keras_hadamard.tuning.tasks import run_trials, train_task

# The value of the oracle's space under which workers find what is searched.
SEARCH = "tuner/search"
SHARED = (
    "algorithm",
    "spaces",
    "latency_weight",
    "weights",
    "strategy",
    "folds",
    "match_parameters",
    "seed",
    "epochs",
    "batch_size",
)
# Seconds between heartbeats.
BEAT = 1.0


def serve(tuner: BaseTuner, settings: SearchSettings, data: Any) -> None:
    """Serves the trials of a tuner's oracle until there are no more."""
    oracle = tuner.oracle
    oracle.hyperparameters.values = {SEARCH: json.dumps(identity(settings, data))}
    address = settings.chief or f"127.0.0.1:{_free_port()}"
    pool = LocalWorkers(settings.workers, address, settings, data, oracle)
    try:
        with pool, _role(address, "chief"):
            tuner.search(verbose=0)
    except KeyboardInterrupt:
        if pool.complete:
            return
        if pool.reason is None:
            raise
        raise SearchError(f"The workers end without a trial: {pool.reason}") from None
    except RuntimeError as error:  # from gRPC
        raise SearchError(f"Nothing can be served at {address}: {error}") from error


def work(
    address: str,
    settings: SearchSettings,
    data: Any = None,
    name: str | None = None,
    most: int | None = None,
) -> bool:
    """Runs trials of the chief at an address until it has no more, or the most of them."""
    name = name or f"worker {uuid.uuid4().hex[:8]}"
    with connected(address, name) as client:
        search = json.loads(_Patient(client).get_space().values[SEARCH])
        settings = _asked(settings, search)
        data = load(settings) if data is None else data
        _same(search, identity(settings, data))
        hypermodel = hypermodel_of(settings, data)

        def train(task: dict[str, Any]) -> Trial:
            with _heard(client, f"{task['number'] - 1}"):
                return train_task(task, settings, hypermodel, data, lambda epoch, best: None)

        return run_trials(_Patient(client), name, train, most)


@contextlib.contextmanager
def connected(address: str, name: str) -> Iterator[Any]:
    """KerasTuner's client of the oracle at an address."""
    objective = keras_tuner.Objective(OBJECTIVE, "max")
    with tempfile.TemporaryDirectory() as folder, _role(address, name):
        yield BaseTuner(keras_tuner.Oracle(objective), directory=folder).oracle


def _asked(settings: SearchSettings, search: dict[str, Any]) -> SearchSettings:
    """The settings of the chief's search, for the data set as it is called here."""
    given = {name: search[name] for name in SHARED}
    given["spaces"] = tuple(given["spaces"])
    return dataclasses.replace(settings, **given, **search["limits"])


def _same(search: dict[str, Any], own: dict[str, Any]) -> None:
    for part in ("data", "version"):
        if own[part] != search[part]:
            raise SearchError(
                f"The chief searches {search['dataset']} with another {part}. "
                f"Received: {own[part]!r}, not {search[part]!r}"
            )


class _Patient:
    """A client whose calls are made again when the chief was started again meanwhile."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        import grpc

        def call(*arguments: Any) -> Any:
            while True:
                try:
                    return getattr(self.client, name)(*arguments)
                except grpc.RpcError as error:
                    lost = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
                    if error.code() not in lost:
                        raise
                    time.sleep(BEAT)

        return call


@contextlib.contextmanager
def _heard(client: Any, trial_id: str) -> Iterator[None]:
    """Lets the chief hear of a trial while it is trained."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            with contextlib.suppress(Exception):
                client.get_trial(trial_id)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


@contextlib.contextmanager
def _role(address: str, name: str) -> Iterator[None]:
    """Sets the variables by which KerasTuner knows what a process is."""
    host, _, port = address.rpartition(":")
    names = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(zip(names, (host, port, name), strict=True))
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
