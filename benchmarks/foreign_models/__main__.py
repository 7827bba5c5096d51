"""Writes the table of what pruning and adapters do to models of others.

    python -m benchmarks.foreign_models              # the models that have no row yet
    python -m benchmarks.foreign_models ResNet50     # these again

Each model is made by its public constructor with random weights. A tick says that the cell's work
was done and what has to hold after it does: sparsity, equal outputs, a server's answers. Else the
cell has the reason. Needs the extra `test`; a large model takes some minutes.
"""

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.ticks import YES, ticked

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HERE = Path(__file__).resolve().parents[1]
TABLE, PAGE = HERE / "foreign_models.csv", HERE / "foreign_models.md"
_PAGE = """# Models of others

What pruning and adapters do to models that are made by their public constructors, with random
weights and small inputs: written by `python -m benchmarks.foreign_models`. A tick says that it was
done, that half of the weights (`2:4`, `filter`: as many as fit) are zero, that an adapted model
begins as its base and is its merged one, that files and servers give the same outputs.

{table}
"""
Rows = dict[str, dict[str, str]]


def read() -> Rows:
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row.pop("model"): row for row in csv.DictReader(file)}


def write(rows: Rows, columns: list[str]) -> None:
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["model", *columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"model": name, **row} for name, row in rows.items())
    PAGE.write_text(_PAGE.format(table=ticked(rows, "model", columns)), encoding="utf-8")


def row(name: str) -> None:
    """Prints the cells of a model, one a line."""
    from benchmarks.foreign_models.columns import COLUMNS, inputs_of
    from benchmarks.foreign_models.rows import ROWS

    model = ROWS[name]()
    x = inputs_of(model)
    for column, work in COLUMNS.items():
        try:
            work(model, x)
            said = YES
        except Exception as error:  # The cell is the reason.
            said = f"{type(error).__name__}: " + " ".join(str(error).split())[:200]
        print(f"{column}\t{said}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.foreign_models",
        description="Writes the table of what pruning and adapters do to models of others.",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        row(options.models[0])
        return
    from benchmarks.foreign_models.columns import COLUMNS
    from benchmarks.foreign_models.rows import ROWS

    unknown = sorted(set(options.models) - set(ROWS))
    if unknown:
        parser.error(f"expected names among {', '.join(ROWS)}, received {', '.join(unknown)}")
    rows = read()
    for name in options.models or [n for n in ROWS if n not in rows]:
        # A process of its own, whose memory is given back.
        command = [sys.executable, "-m", "benchmarks.foreign_models", "--row", name]
        done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
        said = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
        missing = f"ended: {done.stderr.strip().splitlines()[-1:]}"
        rows[name] = {column: said.get(column, missing) for column in COLUMNS}
        write({n: rows[n] for n in ROWS if n in rows}, list(COLUMNS))
        ticks = sum(cell == YES for cell in rows[name].values())
        print(f"{name}: {ticks} of {len(COLUMNS)}", flush=True)


if __name__ == "__main__":
    main()
