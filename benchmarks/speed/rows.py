"""Benchmark rows, and the list of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One line of the table: a figure, and the bound that it is held against.

    Lines with a column stand side by side in Markdown, those of one row in one line.
    """

    row: str
    what: str
    ours: str
    reference: str
    figure: float
    bound: str
    shapes: str = ""
    column: str = ""

    @property
    def passed(self) -> bool:
        relation, limit = self.bound.split()
        value = float(limit)
        return self.figure >= value if relation == ">=" else self.figure <= value


def mode(jit: bool) -> str:
    """Where a candidate runs, in a line."""
    return "XLA" if jit else "graph"


def passes(gradient: bool) -> str:
    """What is run of it."""
    return "forward + gradient" if gradient else "forward"


# A row measures with that many repeats, smaller if quick, and gives its lines.
Row = Callable[[int, bool], Iterable[Result]]
ROWS: dict[str, Row] = {}


def row(function: Row) -> Row:
    """Adds a row to the benchmark under the function's name."""
    ROWS[function.__name__] = function
    return function
