"""Writes the support table: in which formats each public layer runs, and why where it does not.

    .venv/bin/python benchmarks/support.py              # the layers that have no row yet
    .venv/bin/python benchmarks/support.py MLB MinGRU   # these again
    .venv/bin/python benchmarks/support.py --all        # all again: some ten seconds each

Needs the extras `test` and `onnx`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

from harness.support import COLUMNS, YES  # noqa: E402
from ticks import ticked  # noqa: E402

TABLE, PAGE = HERE / "support.csv", HERE / "support.md"
Rows = dict[str, dict[str, str]]

_PAGE = """# Support

In which formats each layer runs, in its first configuration of `tests/cases`: written by
`benchmarks/support.py`, and compared with the Keras layer in its outputs.

- SavedModel: exported by Keras and loaded here, where XLA may compile.
- without XLA: `serving.export`, and `serving.check` in the loader of a stock TF Serving.
- LiteRT: `serving.export_litert`, with only builtin ops, without Flex; within 1e-4.
- LiteRT int8: in integers of 8 bits, calibrated on 64 random examples; within 0.1 of the output's
  scale. A product of two rounded numbers is rounded twice, and a norm or a root near zero loses
  most: of such a layer the cell says by how much it is off. `"dynamic"`, with only weights of 8
  bits, is the smaller step.
- ONNX: `serving.export_onnx`, in ONNX Runtime on batches of 1, 3 and 8; within 1e-4.

{counts}

{table}
"""


def read() -> Rows:
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row.pop("layer"): row for row in csv.DictReader(file)}


def write(rows: Rows) -> None:
    ordered = sorted(rows.items(), key=lambda item: item[0].lower())
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["layer", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"layer": name, **row} for name, row in ordered)
    PAGE.write_text(page(dict(ordered)), encoding="utf-8")


def page(rows: Rows) -> str:
    """The table, with a number in place of each reason."""
    ticks = {c: sum(row[c] == YES for row in rows.values()) for c in COLUMNS}
    counts = ", ".join(f"{column} {count}" for column, count in ticks.items())
    return _PAGE.format(
        counts=f"Of {len(rows)} layers: {counts}.",
        table=ticked({f"`{name}`": row for name, row in rows.items()}, "layer", COLUMNS),
    )


def work() -> None:
    """Makes the rows of the layers named on the input: a converter may end the process."""
    import tempfile

    from harness.layer_cases import all_cases
    from harness.one_loader import OneLoader
    from harness.support import first_cases, row

    from keras_hadamard.serving import _loader

    with tempfile.TemporaryFile("w+") as said:
        _loader.subprocess = OneLoader(said)
        cases = first_cases(all_cases())
        sys.stdout.write(json.dumps(list(cases)) + "\n")
        sys.stdout.flush()
        for line in sys.stdin:
            name, columns = json.loads(line)
            try:
                made = row(cases[name], tuple(columns))
            except Exception as error:  # A bug, which the table is to show.
                made = dict.fromkeys(columns, f"{type(error).__name__}: {error}"[:200])
            sys.stdout.write(json.dumps(made) + "\n")
            sys.stdout.flush()
        _loader.subprocess.close()


class Worker:
    """The process that makes rows; another one takes its place when it ends."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.layers: list[str] = json.loads(self.process.stdout.readline())

    def ask(self, name: str, columns: tuple[str, ...]) -> dict[str, str] | None:
        self.process.stdin.write(json.dumps([name, columns]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes benchmarks/support.csv and support.md.")
    parser.add_argument("layers", nargs="*", metavar="LAYER")
    parser.add_argument("--all", action="store_true", help="every layer again")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work()
        return
    worker = Worker()
    rows = {name: row for name, row in read().items() if name in worker.layers}
    unknown = sorted(set(options.layers) - set(worker.layers))
    if unknown:
        parser.error(f"no layer {unknown[0]!r}")
    missing = [name for name in worker.layers if options.all or name not in rows]
    for name in options.layers or missing:
        row = worker.ask(name, COLUMNS)
        if row is None:
            row = {}
            for column in COLUMNS:
                worker = Worker() if worker.process.poll() is not None else worker
                found = worker.ask(name, (column,))
                row |= found or {column: "the converter ends the process"}
                worker.process.wait() if found is None else None
        rows[name] = row
        write(rows)
        sys.stdout.write(f"{name}: {row}\n")
        sys.stdout.flush()
    worker.process.stdin.close()
    worker.process.wait()


if __name__ == "__main__":
    main()
