"""Workers of the test run that are renewed once they are large.

XLA keeps all that it compiled for as long as a process lives. A worker that has become too large
ends between two tests, and pytest-xdist puts a new one in its place.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

LARGEST = 5 * 2**30
# The folder where workers leave their names when they end on purpose.
ENDED = "KERAS_HADAMARD_TESTS_ENDED"


def resident() -> int:
    """The memory of this process in bytes, 0 where the system does not say it so."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Renewing:
    """What the worker does."""

    def __init__(self) -> None:
        self.ran = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        # The first test runs in any case, or a worker that starts large would never run one.
        if self.ran and resident() > LARGEST:
            Path(os.environ[ENDED], item.config.workerinput["workerid"]).touch()
            sys.stdout.flush()
            os._exit(0)
        self.ran = True


class Rescheduling:
    """What the process does that hands out the tests."""

    def __init__(self) -> None:
        self.ended = tempfile.TemporaryDirectory()
        os.environ[ENDED] = self.ended.name

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        if Path(self.ended.name, report.node.gateway.id).exists():
            # Not run yet: another worker takes it.
            report.outcome = "renewed"
            sched.mark_test_pending(crashitem)

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        return ("", "", "") if report.outcome == "renewed" else None


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Renewing())
    else:
        config.pluginmanager.register(Rescheduling())
