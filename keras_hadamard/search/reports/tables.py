"""Tables of the page: cells with what they are sorted by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_hadamard.search.amounts import direction, spread
from keras_hadamard.search.costs import known
from keras_hadamard.search.objectives import OBJECTIVES
from keras_hadamard.search.records import hyperparameters
from keras_hadamard.search.run import Run
from keras_hadamard.search.trainings import Trial

# A text up to this length stays on a line, a longer one has some room to wrap in.
SHORT = 26


@dataclass(frozen=True)
class Cell:
    """A text, what it is sorted by (by default itself), and whether it stays on one line."""

    text: str
    order: float | str | None = None
    clipped: bool = False

    @property
    def numeric(self) -> bool:
        return isinstance(self.order, int | float)

    @property
    def kind(self) -> str:
        """How the cell looks."""
        if self.numeric:
            return "number"
        if self.clipped:
            return "clipped"
        return "short" if len(self.text) <= SHORT else "long"


@dataclass(frozen=True)
class Row:
    """Cells, and the name of how the row looks."""

    cells: list[Cell]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A header and rows; `filter` is what the field above it asks for."""

    head: list[str]
    rows: list[Row]
    filter: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Whether each column has numbers."""
        return [any(row.cells[i].numeric for row in self.rows) for i in range(len(self.head))]


def plain(rows: Sequence[Sequence[str]]) -> Table:
    """Rows of texts below a header."""
    head, *rest = rows
    return Table(list(head), [Row([_cell(text) for text in row]) for row in rest])


# A number as tables write it, perhaps with its spread.
NUMBER = re.compile(r"(-?[\d,]*\.?\d+(?:e[+-]?\d+)?)(?: ± .*)?")


def _cell(text: str) -> Cell:
    found = NUMBER.fullmatch(text)
    return Cell(text, float(found[1].replace(",", ""))) if found else Cell(text)


def trials_table(run: Run) -> Table:
    """The trials, best first, then those without a score with their reasons."""
    records = run.records
    costs, names = known(records.trials), hyperparameters(records.trials)
    front = {t.number for t in run.pareto("size", *(cost.field for cost in costs))}
    failed = [t for t in records.trials if not t.completed]
    weighed = any(t.value != t.score for t in records.completed) and run.objective.sign > 0
    reasons = any(t.reason for t in records.trials)
    sizes = ["parameters", "not zero"] if run.pruned else ["parameters"]
    head = ["rank", "trial", f"score ({run.objective.title})"]
    head += ["less its costs"] if weighed else []
    head += ["reason"] if reasons else []
    # What is told apart by colour stands before what it costs, the other choices behind.
    main = [n for n in dict.fromkeys((run.grouping, "gating")) if n in names]
    rest = [n for n in names if n not in main]
    head += [*main, *sizes, *(c.title for c in costs), "seconds", "epochs", "Pareto", *rest]
    rows = []
    for rank, trial in enumerate([*records.completed, *failed], start=1):
        cells = [_number(rank if trial.completed else None, "d"), _name(trial)]
        cells.append(_score(run, trial))
        if weighed:
            cells.append(_number(trial.value, ".4f"))
        if reasons:
            cells.append(Cell(trial.reason or "", clipped=True))
        cells += [_value(trial.configuration.get(name)) for name in main]
        cells.append(_number(trial.parameters, ",d"))
        if run.pruned:
            cells.append(_number(trial.nonzero, ",d"))
        cells += [Cell(cost.cell(trial), _order(cost.of(trial))) for cost in costs]
        cells.append(_number(trial.seconds, ".1f"))
        cells.append(Cell(f"{len(trial.curve)}/{trial.epochs}", float(len(trial.curve))))
        cells.append(Cell("yes" if trial.number in front else ""))
        cells += [_value(trial.configuration.get(name)) for name in rest]
        kind = "failed" if not trial.completed else "baseline" if trial.baseline else ""
        rows.append(Row(cells, kind))
    return Table(head, rows, "Filter trials, by any text of a row")


def _order(value: float | None) -> float | None:
    return None if value is None else float(value)


def _number(value: float | None, form: str) -> Cell:
    return Cell("", None) if value is None else Cell(format(value, form), float(value))


def _name(trial: Trial) -> Cell:
    name = f"{trial.number} (baseline)" if trial.baseline else str(trial.number)
    return Cell(name, float(trial.number))


def _score(run: Run, trial: Trial) -> Cell:
    if not trial.completed or trial.score is None:
        return Cell(trial.status)
    return Cell(run.objective.format(trial.score), float(trial.score))


def _value(value: Any) -> Cell:
    if value is None:
        return Cell("")
    if isinstance(value, float):
        return Cell(f"{value:.4g}", value)
    return Cell(str(value), value if isinstance(value, int) else None)


def metrics_table(run: Run) -> Table | None:
    """All metrics of the task on test, of each finalist."""
    found = [f for f in run.finalists if any(x.metrics for x in f.finals)]
    if not found:
        return None
    names = list(dict.fromkeys(n for f in found for x in f.finals for n in x.metrics))
    head = ["metric", *(f"trial {f.trial.number}" for f in found)]
    rows = []
    for name in names:
        objective = OBJECTIVES[name]
        values = [
            [x.metrics[name] for x in f.finals if np.isfinite(x.metrics.get(name, np.nan))]
            for f in found
        ]
        rows.append([direction(objective), *(spread(objective, v) for v in values)])
    return plain([head, *rows])
