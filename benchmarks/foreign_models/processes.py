"""A process that makes rows, and another one in its place when it ends."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

Cells = dict[str, str]
HERE = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "benchmarks.foreign_models.work"]


def measured(names: list[str], columns: list[str], limit: float) -> Iterator[tuple[str, Cells]]:
    """The row of each model, from a process that makes one after the other.

    Another one takes its place if it ends, or needs more than `limit` seconds for a row, which is
    then left out: on a busy machine that says nothing of the model.
    """
    waiting = list(names)
    while waiting:
        cells: dict[str, Cells] = {}
        with (
            subprocess.Popen(
                [*COMMAND, *waiting], stdout=subprocess.PIPE, text=True, cwd=HERE
            ) as process,
            Alarm(process, limit) as alarm,
        ):
            for line in process.stdout or ():
                name, column, said = line.rstrip("\n").split("\t", 2)
                cells.setdefault(name, {})[column] = said
                if len(cells[name]) == len(columns):
                    waiting.remove(name)
                    alarm.wind()
                    yield name, cells[name]
        if waiting:
            # It has ended before its time, in the midst of the first that waits.
            name = waiting.pop(0)
            if alarm.rang:
                print(f"{name}: not within {limit:.0f} s", file=sys.stderr)
            else:
                yield name, {c: cells.get(name, {}).get(c, "ends the process") for c in columns}


class Alarm:
    """Kills a process when time is up."""

    def __init__(self, process: subprocess.Popen[str], limit: float) -> None:
        self._process, self._limit = process, limit
        self.rang = False

    def __enter__(self) -> "Alarm":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def wind(self) -> None:
        self._timer.cancel()
        self._start()

    def _start(self) -> None:
        self._timer = threading.Timer(self._limit, self._ring)
        self._timer.start()

    def _ring(self) -> None:
        self.rang = True
        self._process.kill()
