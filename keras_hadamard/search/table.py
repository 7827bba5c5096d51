"""Tables on a terminal, and the table of a run's trials."""

import io
from collections.abc import Sequence
from typing import Any

from keras_hadamard._core.extras import require
from keras_hadamard.search.costs import known
from keras_hadamard.search.objectives import OBJECTIVES
from keras_hadamard.search.records import Records, hyperparameters

# Wider than any table: lines of a file do not wrap.
WIDE = 100_000
# Of a failed trial's reason the terminal shows the beginning; the report has it all.
REASON = 60
COLUMNS = ("column", "kind", "role", "distinct", "missing", "encoding")


def rich_table(rows: Sequence[Sequence[str]], head: bool = True) -> Any:
    """Rows as a table of `rich`, the first of them as its header."""
    table = require("rich.table", "rich", "keras_hadamard.search").Table
    text = require("rich.text", "rich", "keras_hadamard.search").Text
    made = table(box=None, show_header=head, pad_edge=False, padding=(0, 2, 0, 0))
    for title in rows[0]:
        made.add_column(text(title) if head else None, overflow="fold")
    for row in rows[head:]:
        # As `Text` a cell is never read as markup.
        made.add_row(*(text(cell) for cell in row))
    return made


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines with columns of equal width, also where a script's letters are wide."""
    console = require("rich.console", "rich", "keras_hadamard.search").Console
    lines = io.StringIO()
    # A cell is one line, or columns would break.
    flat = [[" ".join(str(cell).split()) for cell in row] for row in rows]
    plain = console(file=lines, width=WIDE, force_terminal=False, force_jupyter=False)
    plain.print(rich_table(flat, head=False), soft_wrap=True)
    return "\n".join(line.rstrip() for line in lines.getvalue().splitlines())


def trial_rows(records: Records) -> list[list[str]]:
    """The trials, best first, with the failed ones and their reasons at the end."""
    mixers = [n for n in hyperparameters(records.trials) if n.endswith("token_mixer")]
    kinds = [n for n in ("fusion", "gating", *mixers) if _drawn(records, n)]
    costs = known(records.trials)
    titles = [cost.title for cost in costs]
    reasons = any(not t.completed for t in records.trials)
    header = ["rank", "trial", "score", *kinds, "parameters", *titles, "seconds"]
    header += ["reason"] if reasons else []
    done = records.completed
    failed = [t for t in records.trials if not t.completed]
    rows = []
    for rank, t in enumerate([*done, *failed], start=1):
        score = "-" if t.score is None else OBJECTIVES[t.objective].format(t.score)
        rows.append(
            [
                str(rank) if t.completed else "-",
                f"{t.number} (baseline)" if t.baseline else str(t.number),
                score if t.completed else t.status,
                *(str(t.configuration.get(kind, "-")) for kind in kinds),
                f"{t.parameters:,}" if t.parameters else "-",
                *(cost.cell(t) for cost in costs),
                f"{t.seconds:.1f}",
                *([(t.reason or "")[:REASON]] if reasons else []),
            ]
        )
    return [header, *rows]


def _drawn(records: Records, name: str) -> bool:
    return any(name in t.configuration for t in records.trials)


def column_rows(columns: Sequence[dict[str, Any]]) -> list[list[str]]:
    """What was inferred of each column of the data, below a header."""
    rows = [
        [
            str(c["name"]),
            str(c["kind"]),
            str(c["role"]),
            f"{c['distinct']:,}",
            f"{c['missing']:,}",
            str(c["encoding"]),
        ]
        for c in columns
    ]
    return [list(COLUMNS), *rows]
