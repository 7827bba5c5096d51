"""The resident memory of a search after ten trials and after many.

    python benchmarks/search_memory.py --trials 100

The trials run in a process that is renewed after ten of them. What is compared is the most memory
that the search and its worker had together up to the tenth trial, and in the last ten.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def descendants(pid: str) -> list[str]:
    """A process and all that it started."""
    out = subprocess.run(["pgrep", "-P", pid], capture_output=True, text=True).stdout
    return [pid, *(p for child in out.split() for p in descendants(child))]


def resident(pid: int) -> float:
    """Mebibytes of a process and of its children."""
    total = 0
    for process in descendants(str(pid)):
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:  # it has ended meanwhile
            continue
        total += sum(int(line.split()[1]) for line in status.split("\n") if "VmRSS" in line)
    return total / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    a, b = np.random.default_rng(0).normal(size=(2, 60, 4)).astype("float32")
    np.savez(folder / "tiny.npz", a=a, b=b, target=(a[:, 0] * b[:, 0] > 0).astype("int32"))
    command = ["search", str(folder / "tiny.npz"), "--out", str(folder / "run"), "--epochs", "1"]
    command += ["--max-trials", str(arguments.trials), "--workers", str(arguments.workers)]
    search = subprocess.Popen(
        [sys.executable, "-m", "keras_hadamard.cli", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    most: dict[int, float] = {}
    done = 0
    path = folder / "run" / "trials.json"
    while search.poll() is None and done < arguments.trials:
        done = path.read_text().count('"number": ') if path.exists() else 0
        most[done] = max(most.get(done, 0.0), resident(search.pid))
        time.sleep(0.5)
    search.kill()
    search.wait()
    first = max(value for n, value in most.items() if n <= 10)
    last = max(value for n, value in most.items() if n >= arguments.trials - 10)
    print(
        f"{done} trials, {arguments.workers} workers: {first:.0f} MiB up to the tenth, {last:.0f} "
        f"MiB in the last ten, a ratio of {last / first:.2f}"
    )
    return 0 if done == arguments.trials and last <= 1.3 * first else 1


if __name__ == "__main__":
    sys.exit(main())
