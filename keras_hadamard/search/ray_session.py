"""A connection to Ray: one of its own on this machine, or to a cluster that others run."""

import contextlib
import logging
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

from keras_hadamard._core.extras import require
from keras_hadamard.search.resources import Node
from keras_hadamard.search.settings import SearchError, SearchSettings

# Seconds in which an address has to answer.
ANSWER = 10.0
# By Ray's defaults it reports on its use to its makers, and runs again without an end what ran out
# of memory. A user who sets these variables is heard.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_task_oom_retries": "3"}


class RaySession:
    """Begins and ends a connection. One that was there before is used, and is left as it is."""

    def __init__(self, settings: SearchSettings) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        self.ray: Any = require("ray", "ray", "A search on Ray", extra="cluster")
        self.settings = settings
        self.own = False
        self.output: Any = contextlib.ExitStack()

    def begin(self) -> None:
        """Connects.

        Raises:
            SearchError: If Ray cannot be started here, or nobody answers at the address.
        """
        if self.ray.is_initialized():
            return
        cluster = self.settings.cluster
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        self.own = True
        try:
            if cluster is None:
                # Whatever cluster an environment variable names.
                self.ray.init("local", include_dashboard=False, **quiet)
            else:
                _knock(cluster)
                self.ray.init(cluster, **quiet)
        # Ray gives up on an address by leaving the process.
        except (Exception, SystemExit) as error:
            self.end()
            said = " ".join(f"{error}".split()) or type(error).__name__
            if cluster is None:
                wrong = "Ray cannot be started here; with 0 workers trials run without it"
            else:
                wrong = f"No Ray cluster answers at {cluster}"
            raise SearchError(f"{wrong}. Received: {said}") from error
        self.output.enter_context(_muted(self.ray))

    def nodes(self) -> list[Node]:
        """The resources of the machines that are alive."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def cancel(self, reference: Any) -> None:
        """Ends a task, whatever it is at."""
        with contextlib.suppress(Exception):
            self.ray.cancel(reference, force=True)

    def end(self) -> None:
        """Ends Ray here, or leaves the cluster."""
        if self.own:
            self.ray.shutdown()
            self.output.close()
        self.own = False


@contextlib.contextmanager
def _muted(ray: Any) -> Iterator[None]:
    """Keeps Ray from printing of each worker that is lost: the search says what becomes of it.

    There is no setting for it; Ray's debugger does it in this way.
    """
    worker = ray._private.worker
    before = worker._worker_logs_enabled
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


def _knock(address: str) -> None:
    """Sees whether anybody listens there: Ray itself would try for two minutes."""
    match = re.fullmatch(r"(?:ray://)?\[?([^\[\]/]+?)\]?:(\d+)", address)
    if match:
        socket.create_connection((match[1], int(match[2])), timeout=ANSWER).close()
