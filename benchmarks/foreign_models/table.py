"""The table: a file of cells, of which rows are made again by name, and the page that shows it."""

import csv
from pathlib import Path

from benchmarks.foreign_models.columns import HESSIANS, INPUTS
from benchmarks.foreign_models.subject import BATCH
from benchmarks.ticks import ticked

HERE = Path(__file__).resolve().parents[1]
TABLE, PAGE = HERE / "foreign_models.csv", HERE / "foreign_models.md"
_PAGE = """# Models of others

What pruning and adapters do to models that are made by their public constructors, with random
weights and small inputs: written by `python -m benchmarks.foreign_models`. A tick says that:

- `magnitude`, `random`, `Wanda`, `SparseGPT`, `2:4`, `block` (2 x 2), `filter`, `channel`: about
  half of the weights are zero, or as many as the structure leaves. `Wanda` and `SparseGPT` saw
  {batch} examples and leave recurrent kernels out, `SparseGPT` was done to at most {hessians}
  kernels of at most {inputs:,} inputs, spread over the model.
- `movement`, `RigL`, `SET`: so it is after two steps of training, and the masks moved.
- `strip`: without its masks the model, pruned by weights and by filters, gives the same outputs.
- the adapters: the adapted model begins as its base. Left out are, for `VeRA`, kernels of windows,
  which it refuses as PEFT does; for `IA3` embeddings, recurrent cells and separable convolutions.
- `merge`: `LoRA` and `LoHa`, once they have changed the outputs, do so as plain weights.
- `load`: a pruned, an adapted and a stripped model, saved as `.keras`, give the same outputs in a
  new process.
- `serve`: the pruned and the adapted model do so in the loader of a stock TF Serving.
- `LiteRT`: the stripped model does, within 1e-4, with only builtin ops.

{table}
"""
Cells = dict[str, str]
Rows = dict[str, Cells]


def read(columns: list[str]) -> Rows:
    """The rows that have every column: those of an older table are made again."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = {row.pop("model"): row for row in csv.DictReader(file)}
    return {name: row for name, row in rows.items() if set(row) == set(columns)}


def write(rows: Rows, columns: list[str]) -> None:
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["model", *columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"model": name, **row} for name, row in rows.items())
    table = ticked(rows, "model", columns)
    page = _PAGE.format(batch=BATCH, hessians=HESSIANS, inputs=INPUTS, table=table)
    PAGE.write_text(page, encoding="utf-8")
