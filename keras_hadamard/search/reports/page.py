"""`report.html`: one file with everything in it, which opens without a network."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from keras_hadamard._version import __version__
from keras_hadamard.search.reports.choices import importance_of_choices, score_by_choice
from keras_hadamard.search.reports.comparisons import beside_references
from keras_hadamard.search.reports.cost_figures import score_against_costs
from keras_hadamard.search.reports.curves import learning_curves
from keras_hadamard.search.reports.data_figures import classes_by_split, timeline
from keras_hadamard.search.reports.drawing import Drawn, Look
from keras_hadamard.search.reports.parallel import parallel_coordinates
from keras_hadamard.search.reports.predictions import figures_of_predictions
from keras_hadamard.search.reports.tables import Table, metrics_table, plain, trials_table
from keras_hadamard.search.run import Run
from keras_hadamard.search.summary import (
    costs_of,
    fact_rows,
    finalist_rows,
    method,
    reference_rows,
)
from keras_hadamard.search.table import column_rows
from keras_hadamard.search.verdict import better_references, state


@dataclass(frozen=True)
class Section:
    """A part of the page: paragraphs, then tables with their titles, then figures."""

    title: str
    text: Sequence[str] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[tuple[str, Table]] = ()
    figures: Sequence[Drawn] = ()
    pre: str = ""
    facts: Sequence[tuple[str, str]] = field(default_factory=list)


def page(run: Run, said: Sequence[str]) -> str:
    """The page of a run; `said` is its verdict."""
    return str(
        _template().render(
            title=f"Search of {run.settings.source}",
            version=__version__,
            state=state(run),
            verdict=said,
            outdone=bool(better_references(run)),
            notes=run.notes,
            sections=[s for s in _sections(run) if _filled(s)],
            plotly=_plotly(),
        )
    )


def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("keras_hadamard.search.reports", "template"),
        # All of it is text of others: names of columns and classes, and errors.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _filled(section: Section) -> bool:
    return any((section.text, section.tables, section.figures, section.pre, section.facts))


def _sections(run: Run) -> list[Section]:
    look = Look(run)
    done, timed = run.records.completed, timeline(run, look)
    choices = [score_by_choice(run, look), importance_of_choices(run), parallel_coordinates(run)]
    check = run.records.best["check"] if run.records.best is not None else ""
    return [
        _result(run),
        _data(run),
        Section("Choices", figures=choices if done else ()),
        Section("Costs", figures=score_against_costs(run, look) if done else ()),
        Section("Training", figures=[*learning_curves(run, look), timed]),
        _best(run),
        Section("Trials", tables=[("", trials_table(run))]),
        Section("How to read this", text=method(run)),
        Section("Serving check", pre=str(check)),
    ]


def _result(run: Run) -> Section:
    tables = []
    if run.finalists:
        tables.append(("Finalists, mean and standard deviation over seeds", finalist_rows(run)))
    if run.records.references:
        tables.append(("Other models on the same splits", reference_rows(run)))
    text = []
    if run.best is not None:
        number = run.best.trial.number
        text.append(f"Best configuration (trial {number}): {costs_of(run, run.best)}.")
    return Section(
        "Finalists and other models",
        text,
        tables=[(title, plain(rows)) for title, rows in tables],
        figures=[beside_references(run)],
    )


def _data(run: Run) -> Section:
    classes, columns = classes_by_split(run), plain(column_rows(run.facts.columns))
    named = Table(columns.head, columns.rows, "Filter columns, by any text of a row")
    return Section(
        "Data and search",
        facts=fact_rows(run),
        warnings=run.facts.warnings,
        tables=[("Columns", named)] if run.facts.columns else (),
        figures=[classes] if classes is not None else (),
    )


def _best(run: Run) -> Section:
    metrics = metrics_table(run)
    return Section(
        "The best on test",
        tables=[] if metrics is None else [("All metrics, over seeds", metrics)],
        figures=figures_of_predictions(run) if run.best is not None else (),
    )
