"""Kills a search at random moments, and counts what it loses.

    python benchmarks/kill_search.py --kills 20

A trial is finished when the search says so. Each start runs in one process or with two workers, by
chance; what is killed is the search itself or one of its workers. After each kill every trial that
was said to be finished has to stand in trials.json as it did; at the end the search is left to end.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

ENDED = re.compile(r"^trial (\d+)/\d+ .* score (0\.\d+)")


class Search:
    """The command, and what it has said so far."""

    def __init__(self, folder: Path, workers: int, trials: int) -> None:
        command = ["search", str(folder / "tiny.npz"), "--out", str(folder / "run"), "--epochs"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "keras_hadamard.cli", *command, "1"]
            + ["--max-trials", str(trials), "--workers", str(workers)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        self.lines.extend(self.process.stdout or ())

    def finished(self) -> dict[int, str]:
        """The trials that were said to be finished, with their scores."""
        found = [ENDED.match(line) for line in list(self.lines)]
        return {int(m[1]): m[2] for m in found if m}

    def wait(self) -> int:
        code = self.process.wait()
        self.reader.join()
        return code


def recorded(folder: Path) -> dict[int, dict]:
    path = folder / "run" / "trials.json"
    if not path.exists():
        return {}
    return {t["number"]: t for t in json.loads(path.read_text())["trials"]}


def children(pid: int) -> list[int]:
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(line) for line in out.split()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=30.0, help="seconds up to a kill")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    folder = Path(tempfile.mkdtemp())
    a, b = np.random.default_rng(0).normal(size=(2, 60, 4)).astype("float32")
    np.savez(folder / "tiny.npz", a=a, b=b, target=(a[:, 0] * b[:, 0] > 0).astype("int32"))

    known: dict[int, dict] = {}
    lost = changed = workers_killed = 0
    trials = 3 * arguments.kills
    for kill in range(arguments.kills):
        workers = chance.choice((0, 2))
        search = Search(folder, workers, trials)
        while not search.lines and search.process.poll() is None:
            time.sleep(0.1)
        time.sleep(chance.uniform(0, arguments.longest))
        victims = children(search.process.pid)
        if victims and chance.random() < 0.5:
            os.kill(chance.choice(victims), signal.SIGKILL)
            workers_killed += 1
            time.sleep(chance.uniform(0, arguments.longest))
        search.process.kill()
        search.wait()
        now, said = recorded(folder), search.finished()
        lost += sum(n not in now for n in {*known, *said})
        changed += sum(now[n] != known[n] for n in known if n in now)
        changed += sum(f"{now[n]['score']:.4f}" != said[n] for n in said if n in now)
        new, known = len(now) - len(known), now
        where = f"{workers} workers" if workers else "one process"
        print(f"kill {kill + 1:2d}, {where}: {new} new trials, {len(now)} in all", flush=True)
    trials = len(known) + 2
    search = Search(folder, 2, trials)
    code, now = search.wait(), recorded(folder)
    lost += sum(n not in now for n in known)
    changed += sum(now[n] != known[n] for n in known if n in now)
    whole = code == 0 and sorted(now) == list(range(1, trials + 1))
    failed = sum(t["status"] != "completed" for t in now.values())
    print(
        f"{arguments.kills} kills of the search, {workers_killed} of workers besides: "
        f"{len(known)} finished trials, {lost} lost, {changed} changed, {failed} failed; "
        f"the last start ended {'with all of its trials' if whole else 'wrongly'}"
    )
    return 0 if whole and not lost and not changed else 1


if __name__ == "__main__":
    sys.exit(main())
