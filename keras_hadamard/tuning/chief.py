"""One search, many processes: KerasTuner's service of an oracle, its workers here and elsewhere."""

import _thread
import contextlib
import dataclasses
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner

from keras_hadamard.tuning.oracles import OBJECTIVE
from keras_hadamard.tuning.records import Trial
from keras_hadamard.tuning.run_folder import STATE, identity
from keras_hadamard.tuning.settings import SearchError, SearchSettings
from keras_hadamard.tuning.tuner import run_trials, train_task

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
# A process keeps what TensorFlow compiled; with a new one its memory is given back.
TRIALS_OF_A_PROCESS = 10
RENEWED, LOST_IN_A_ROW = 3, 5
# Seconds between heartbeats, between looks at the workers, and of waiting for them at the end.
BEAT, WATCH, CLOSING = 1.0, 0.2, 6.0
CODE = "from keras_hadamard.tuning.chief import child; child()"


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


class LocalWorkers:
    """Processes of this machine, each followed by another one until the search ends."""

    def __init__(
        self, count: int, address: str, settings: SearchSettings, data: Any, oracle: Any
    ) -> None:
        self.count = count
        self.oracle = oracle
        self.errors = settings.folder / STATE / "workers.log"
        self.order = pickle.dumps((address, settings, data))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.started = 0
        self.ended = threading.Event()
        # Why there is no use in starting more of them.
        self.reason: str | None = None
        # Whether all trials have ended and nobody asked for another one.
        self.complete = False

    def __enter__(self) -> None:
        for _ in range(self.count):
            self._start()
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.watch.start()

    def __exit__(self, *error: Any) -> None:
        self.ended.set()
        self.watch.join()
        for process in self.processes.values():
            process.kill()
            process.communicate()

    def _start(self) -> None:
        self.started += 1
        name = f"worker {self.started}"
        with open(self.errors, "ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", CODE, name],
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                # Ctrl-C is for the chief, with which they end.
                start_new_session=True,
            )
        self.processes[name] = process
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(len(self.order).to_bytes(8, "big") + self.order)
                process.stdin.flush()

    def _watch(self) -> None:
        lost, trials, idle = 0, len(self.oracle.records.trials), 0
        while not self.ended.wait(WATCH):
            # KerasTuner's service ends with a worker that asks in vain, and there may be none left.
            idle = idle + 1 if len(self.oracle.records.trials) >= self.oracle.max_trials else 0
            if idle * WATCH > CLOSING:
                self.complete = True
                _thread.interrupt_main()
                return
            for name, process in list(self.processes.items()):
                code = process.poll()
                if code is None:
                    continue
                del self.processes[name]
                process.communicate()
                if code == 0:
                    continue
                self.oracle.forget(name)
                now = len(self.oracle.records.trials)
                lost, trials = (0 if code == RENEWED or now > trials else lost + 1), now
                if lost >= LOST_IN_A_ROW * self.count:
                    self.reason = _last_line(self.errors) or f"exit code {code}"
                    _thread.interrupt_main()
                    return
                self._start()


def child(most: int = TRIALS_OF_A_PROCESS) -> None:
    """What a local worker does: it reads its order, and ends with its chief."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    size = int.from_bytes(sys.stdin.buffer.read(8), "big")
    address, settings, data = pickle.loads(sys.stdin.buffer.read(size))

    def end_with_chief() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=end_with_chief, daemon=True).start()
    over = work(address, settings, data, sys.argv[1], most)
    sys.exit(0 if over else RENEWED)


def work(
    address: str,
    settings: SearchSettings,
    data: Any = None,
    name: str | None = None,
    most: int | None = None,
) -> bool:
    """Runs trials of the chief at an address until it has no more, or the most of them."""
    from keras_hadamard.tuning.search import hypermodel_of, load

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


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
