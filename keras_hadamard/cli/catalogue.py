"""`keras-hadamard layers`."""

import argparse
import sys
from typing import Any


def register(commands: Any) -> None:
    parser = commands.add_parser("layers", help="list the layers, with domain and reference")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from keras_hadamard import layers

    columns = ("name", "domain", "summary", "reference")
    rows = [columns, *([str(getattr(r, c)) for c in columns] for r in layers.catalogue())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")
    return 0
