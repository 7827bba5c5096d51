"""`python -m benchmarks`: every claim of speed or memory, measured."""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict

from benchmarks.speed import adapters as adapters
from benchmarks.speed import delta as delta
from benchmarks.speed import features as features
from benchmarks.speed import layers as layers
from benchmarks.speed import masks as masks
from benchmarks.speed import mixers as mixers
from benchmarks.speed import networks as networks
from benchmarks.speed import non_local as non_local
from benchmarks.speed import ops as ops
from benchmarks.speed import pruning as pruning
from benchmarks.speed import recurrent as recurrent
from benchmarks.speed import scan as scan
from benchmarks.speed import serving as serving
from benchmarks.speed import sketches as sketches
from benchmarks.speed import wrapper as wrapper
from benchmarks.speed.markdown import markdown
from benchmarks.speed.pairs import all_pairs
from benchmarks.speed.rows import ROWS, Result

LAYERS = list(all_pairs())


def main(argv: list[str] | None = None) -> int:
    """Runs the rows that are asked for and prints their table.

    Args:
        argv: List of strings, the arguments. Defaults to `None`, those of the process.

    Returns:
        0 if every figure is within its bound or `--quick` was given, 1 otherwise.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures the package against plain Keras and TensorFlow, in one run.",
    )
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"`layers` for all of them, or of {', '.join(ROWS)}"
    )
    parser.add_argument("--repeats", type=int, default=7, help="turns of each (default: 7)")
    parser.add_argument(
        "--quick", action="store_true", help="smaller tensors, to see that it runs; not judged"
    )
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--markdown", metavar="FILE", help="write their tables there too")
    options = parser.parse_args(argv)
    rows = [name for row in options.rows for name in (LAYERS if row == "layers" else [row])]
    unknown = [name for name in rows if name not in ROWS]
    if unknown or options.repeats < 1:
        parser.error(f"unknown row {unknown[0]!r}" if unknown else "--repeats must be positive")
    found: dict[str, list[Result]] = {}
    conditions = _conditions(options.repeats)
    quick = ["--quick"] if options.quick else []
    command = " ".join(["python -m benchmarks", *options.rows, *quick])
    sys.stdout.write(conditions)
    for name in rows or ROWS:
        found[name] = []
        for result in ROWS[name](options.repeats, options.quick):
            found[name].append(result)
            sys.stdout.write(_line(result))
            sys.stdout.flush()
        # After each: what is measured is not lost if a later one fails.
        if options.markdown:
            _write(options.markdown, markdown(found, conditions, command))
        if options.json:
            every = [asdict(result) for several in found.values() for result in several]
            _write(options.json, json.dumps(every, indent=1))
    results = [result for several in found.values() for result in several]
    # The bounds are those of the full sizes.
    return 0 if options.quick or all(r.passed for r in results) else 1


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _conditions(repeats: int) -> str:
    import keras
    import tensorflow as tf

    gpus = len(tf.config.list_physical_devices("GPU"))
    return (
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, {gpus} GPUs; medians of {repeats} "
        "turns, both candidates in turns.\n"
    )


def _line(r: Result) -> str:
    mark = "ok  " if r.passed else "MISS"
    return (
        f"{mark} {r.row:<16} {r.figure:8.2f} (bound {r.bound:<7}) {r.ours:>12} against "
        f"{r.reference}; {r.what}\n"
    )
