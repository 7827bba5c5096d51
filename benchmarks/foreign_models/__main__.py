"""Writes the table of what pruning and adapters do to models of others.

    python -m benchmarks.foreign_models              # the models that have no whole row yet
    python -m benchmarks.foreign_models ResNet50     # these again

Each model is made by its public constructor with random weights. A tick says that the cell's work
was done and what has to hold after it does: sparsity, equal outputs, a server's answers. Else the
cell has the reason. Needs the extra `test`, and keras-hub for its rows; a large model takes some
minutes.
"""

import argparse
import os

from benchmarks.foreign_models.processes import measured
from benchmarks.ticks import YES

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.foreign_models",
        description="Writes the table of what pruning and adapters do to models of others.",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument(
        "--limit", type=float, default=600, help="seconds that a row may take (default: 600)"
    )
    options = parser.parse_args()
    from benchmarks.foreign_models.columns import COLUMNS
    from benchmarks.foreign_models.rows import HUB, ROWS, hub
    from benchmarks.foreign_models.table import read, write

    columns = list(COLUMNS)
    unknown = sorted(set(options.models) - set(ROWS))
    if unknown:
        parser.error(f"expected names among {', '.join(ROWS)}, received {', '.join(unknown)}")
    rows = read(columns)
    wanted = options.models or [n for n in ROWS if n not in rows]
    reason = hub() if set(wanted) & set(HUB) else None
    if reason is not None:
        print(f"without the rows of keras-hub: {reason}")
        wanted = [name for name in wanted if name not in HUB]
    for name, row in measured(wanted, columns, options.limit):
        rows[name] = row
        write({n: rows[n] for n in ROWS if n in rows}, columns)
        ticks = sum(cell == YES for cell in row.values())
        print(f"{name}: {ticks} of {len(columns)}", flush=True)


if __name__ == "__main__":
    main()
