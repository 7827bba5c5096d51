"""Requests of all kinds from four threads to TensorFlow's C++ loader, which a server runs.

    python -m benchmarks.serving_load                       # an hour, then 50 new versions
    python -m benchmarks.serving_load --minutes 3 --versions 10

Valid requests have one to 2,000 rows, texts in five scripts, and NaN; their answers have to be
those that they had at first, bit by bit. Invalid ones have wrong types, shapes, ids and numbers of
rows, or lack an input; they have to be refused. Needs a C++ compiler. Exits with 1 if anything
failed, or if memory grew by more than 2 %.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from benchmarks.serving_load.program import built, lines
from benchmarks.serving_load.requests import INVALID, VALID, network
from keras_hadamard import serving

GROWTH = 1.02


class Serving:
    """The program, which has read all requests once this is made."""

    def __init__(self, program: Path, folder: Path, seconds: float, threads: int) -> None:
        arguments = [str(program), str(folder), str(seconds), str(threads)]
        with tempfile.TemporaryFile("w+") as requests:
            requests.write(lines(VALID, INVALID))
            requests.seek(0)
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(arguments, stdin=requests, stdout=pipe, text=True)
        said = self._process.stdout
        if said is None or said.readline().strip() != "serving":
            raise SystemExit(f"The loader ended with {self._process.wait()}.")

    def ended(self) -> dict[str, float]:
        """The figures that the program says at its end; a crash has none."""
        said, _ = self._process.communicate()
        words = said.split()
        if self._process.returncode != 0:
            raise SystemExit(f"The loader ended with {self._process.returncode}.")
        place = words.index("kilobytes")
        before, after = words[place + 1 : place + 3]
        rest = words[:place] + words[place + 3 :]
        found = {name: float(value) for name, value in zip(rest[::2], rest[1::2], strict=True)}
        return {**found, "before": float(before), "after": float(after)}


def wrong(found: dict[str, float], versions: int = 1) -> list[str]:
    """What of a run is not as it has to be."""
    faults = [n for n in ("failed", "different", "answered", "broken") if found[n]]
    if found["versions"] < versions:
        faults.append("versions")
    # A version that is replaced leaves memory to the allocator, so only a long run of one counts.
    if versions == 1 and found["after"] > GROWTH * found["before"]:
        faults.append("memory")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving_load", description="Requests to the C++ loader."
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--versions", type=int, default=50, help="new versions under load")
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    model = network()
    with tempfile.TemporaryDirectory() as scratch:
        program, folder = built(Path(scratch)), Path(scratch, "model")
        serving.export(model, folder)
        found = Serving(program, folder, 60 * options.minutes, options.threads).ended()
        print("requests", found, flush=True)
        faults = wrong(found)
        if options.versions:
            # Two seconds for an export, and some for the loader to see the last one.
            length = 2.0 * options.versions + 10
            loader = Serving(program, folder, length, options.threads)
            end = time.monotonic() + length - 5
            made = 0
            while made < options.versions and time.monotonic() < end:
                serving.export(model, folder)
                made += 1
                # A version that is replaced before the loader looks is never served.
                time.sleep(0.3)
            found = loader.ended()
            print("versions", {"published": made, **found}, flush=True)
            faults += wrong(found, versions=max(2, made // 2))
    print("wrong:", ", ".join(faults) or "nothing")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
