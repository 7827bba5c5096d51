"""Writes the support table: in which formats each layer and model runs, and why where it does not.

    .venv/bin/python benchmarks/support.py              # what has no row yet
    .venv/bin/python benchmarks/support.py MLB MinGRU   # these again
    .venv/bin/python benchmarks/support.py --all        # all again: some ten seconds each

Needs the extras `test` and `onnx`.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

from harness.support import COLUMNS, MEASURES, TICKS, YES  # noqa: E402

TABLE, PAGE, HTML = (HERE / f"support.{suffix}" for suffix in ("csv", "md", "html"))
TEMPLATE = HERE / "support.jinja"
Rows = dict[str, dict[str, str]]

_PAGE = """# Support

In which formats each layer runs, in its first configuration of `tests/cases`, and each published
model, in a small one: written by `benchmarks/support.py`, and compared with the Keras model in its
outputs. `support.html` is the same table as a page.

- SavedModel: exported by Keras and loaded here, where XLA may compile.
- without XLA: `serving.export`, and `serving.check` in the loader of a stock TF Serving.
- LiteRT: `serving.export_litert`, with only builtin ops, without Flex; within 1e-4.
- LiteRT int8: in integers of 8 bits, calibrated on 256 random examples and within 0.1 of the
  output's scale on 64 others. ✓ 2/14: 2 of 14 ops stay in floats, because the rounding of a
  product, a norm or a quotient would be off by more, or because LiteRT has them in no other form.
- ONNX: `serving.export_onnx`, in ONNX Runtime on batches of 1, 3 and 8; within 1e-4.
- XNNPACK: whether it runs the whole LiteRT file at once, or what it leaves to LiteRT's own kernels.
- time: one call of the LiteRT file, on one thread, against one of the Keras model as a graph. Such
  small models measure what a call costs, and a busy machine moves both.
- kB and int8 kB: the sizes of the two files.

{counts}

{layers}

{models}
"""


def read() -> Rows:
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row.pop("name"): row for row in csv.DictReader(file)}


def write(rows: Rows) -> None:
    ordered = dict(sorted(rows.items(), key=lambda item: (item[1]["kind"], item[0].lower())))
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["name", "kind", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"name": name, **row} for name, row in ordered.items())
    PAGE.write_text(page(ordered), encoding="utf-8")
    HTML.write_text(html(ordered), encoding="utf-8")


def page(rows: Rows) -> str:
    """The table as Markdown, with a number in place of each reason."""
    reasons: dict[str, int] = {}

    def cell(column: str, text: str) -> str:
        if column in MEASURES and text != YES:
            return text
        if text.startswith(YES):
            return "✓ " + short(text) if short(text) else "✓"
        return f"[{reasons.setdefault(text, len(reasons) + 1)}]"

    def table(kind: str) -> str:
        lines = ["| " + " | ".join([kind, *COLUMNS]) + " |", "|---" * (1 + len(COLUMNS)) + "|"]
        for name, row in rows.items():
            if row["kind"] == kind:
                cells = [cell(column, row[column]) for column in COLUMNS]
                lines.append("| " + " | ".join([f"`{name}`", *cells]) + " |")
        return "\n".join(lines)

    layers, models = table("layer"), table("model")
    said = [f"{number}. {reason}" for reason, number in reasons.items()]
    models = "\n".join([models, *([""] if said else []), *said])
    return _PAGE.format(counts=counts(rows), layers=layers, models=models)


def short(text: str) -> str:
    """How many ops are in floats, of how many."""
    found = re.search(r"(\d+) of (\d+) ops", text)
    return f"{found[1]}/{found[2]}" if found else ""


def counts(rows: Rows) -> str:
    """How many layers and models run in each format."""
    said = []
    for kind in ("layer", "model"):
        of_kind = [row for row in rows.values() if row["kind"] == kind]
        if of_kind:
            ticks = {c: sum(row[c].startswith(YES) for row in of_kind) for c in (*TICKS, "XNNPACK")}
            all_ = ", ".join(f"{column} {count}" for column, count in ticks.items())
            said.append(f"Of {len(of_kind)} {kind}s: {all_}.")
    return " ".join(said)


def html(rows: Rows) -> str:
    """The table as a page with colours, by itself."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    return template.render(
        rows=rows,
        ticks=TICKS,
        measures=MEASURES,
        yes=YES,
        short=short,
        counts=counts(rows),
    )


def work() -> None:
    """Makes the rows of what is named on the input: a converter may end the process."""
    import tempfile

    from harness.one_loader import OneLoader
    from harness.support import row
    from harness.support_cases import support_cases

    from keras_hadamard.serving import _loader

    with tempfile.TemporaryFile("w+") as said:
        _loader.subprocess = OneLoader(said)
        cases = support_cases()
        sys.stdout.write(json.dumps({name: case.kind for name, case in cases.items()}) + "\n")
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
        # The names of what there is, and whether it is a layer or a model.
        self.kinds: dict[str, str] = json.loads(self.process.stdout.readline())

    def ask(self, name: str, columns: tuple[str, ...]) -> dict[str, str] | None:
        self.process.stdin.write(json.dumps([name, columns]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes benchmarks/support.csv, .md and .html.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of layers and models")
    parser.add_argument("--all", action="store_true", help="every row again")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work()
        return
    worker = Worker()
    rows = {name: row for name, row in read().items() if name in worker.kinds}
    unknown = sorted(set(options.names) - set(worker.kinds))
    if unknown:
        parser.error(f"no layer or model {unknown[0]!r}")
    missing = [name for name in worker.kinds if options.all or name not in rows]
    for name in options.names or missing:
        row = worker.ask(name, COLUMNS)
        if row is None:
            row = {}
            for column in COLUMNS:
                worker = Worker() if worker.process.poll() is not None else worker
                found = worker.ask(name, (column,))
                row |= found or {column: "the converter ends the process"}
                worker.process.wait() if found is None else None
        rows[name] = {"kind": worker.kinds[name], **row}
        write(rows)
        sys.stdout.write(f"{name}: {row}\n")
        sys.stdout.flush()
    worker.process.stdin.close()
    worker.process.wait()


if __name__ == "__main__":
    main()
