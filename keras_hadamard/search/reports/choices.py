"""Figures of what was chosen, and what it made of the score."""

from typing import Any

import plotly.graph_objects as go

from keras_hadamard.search.amounts import direction
from keras_hadamard.search.records import hyperparameters
from keras_hadamard.search.reports.drawing import (
    COLOURS,
    GREY,
    Drawn,
    Look,
    axis,
    figure,
    lines,
    padded,
    rows_axis,
    rows_height,
)
from keras_hadamard.search.reports.importance import FEWEST, importance
from keras_hadamard.search.run import Run

# Of more choices the bars of the last say nothing.
MOST_BARS = 15


def score_by_choice(run: Run, look: Look) -> Drawn:
    """A row for each choice of the grouping parameter, a point for each trial."""
    title, groups = f"Score by {run.grouping}", look.groups
    if not groups:
        return Drawn(title, "No trial has succeeded.")
    kinds = list(groups)
    scores = [t.score for t in run.records.completed]
    drawn = figure(
        height=rows_height(len(kinds), least=230),
        legend=True,
        xaxis=axis(f"validation {direction(run.objective)}", range=padded(scores), nticks=6),
        yaxis=rows_axis([f"{kind} ({len(groups[kind])})" for kind in kinds]),
    )
    for row, kind in enumerate(kinds):
        found = [t.score for t in groups[kind]]
        reach = [min(s for s in found if s is not None), max(s for s in found if s is not None)]
        # The reach of each row, below its points.
        drawn.add_scatter(
            x=reach,
            y=[row, row],
            mode="lines",
            line={"color": look.colour(kind), "width": 7},
            opacity=0.3,
            hoverinfo="skip",
            showlegend=False,
        )
        drawn.add_scatter(
            x=found,
            y=[row] * len(found),
            mode="markers",
            marker=look.marker(kind, opacity=0.85),
            hovertext=[look.hover(t) for t in groups[kind]],
            hoverinfo="text",
            showlegend=False,
        )
    caption = f"A point is a trial, in brackets is how many there are; the best {run.grouping}"
    _add_baseline(drawn, run, [-0.5, len(kinds) - 0.5])
    return Drawn(title, f"{caption} is on top.", drawn)


def _add_baseline(drawn: go.Figure, run: Run, reach: list[float]) -> None:
    """A vertical line where the baseline is."""
    baseline = run.records.trials[0]
    if baseline.score is not None:
        drawn.add_scatter(
            x=[baseline.score] * 2,
            y=reach,
            mode="lines",
            line={"color": GREY, "dash": "dash", "width": 2},
            name=f"{run.baseline_name}, {run.objective.format(baseline.score)}",
            hoverinfo="skip",
        )


def importance_of_choices(run: Run) -> Drawn:
    """How much of the spread of scores goes with each choice."""
    title = "Importance of each choice"
    found = importance(run.records.completed)
    if found is None:
        done = len(run.records.completed)
        return Drawn(
            title,
            f"There are too few trials to tell: it takes {FEWEST} that succeeded and whose choices "
            f"and scores differ, and there are {done}.",
        )
    shown = found[:MOST_BARS]
    drawn = figure(
        height=rows_height(len(shown), 26),
        xaxis=axis("growth of the error, in variances", rangemode="tozero", nticks=6),
        yaxis=rows_axis([one.name for one in shown]),
    )
    middles = [one.middle for one in shown]
    drawn.add_bar(
        x=middles,
        y=list(range(len(shown))),
        orientation="h",
        marker={"color": COLOURS[0]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [one.high - one.middle for one in shown],
            "arrayminus": [one.middle - one.low for one in shown],
            "color": GREY,
            "thickness": 2,
        },
        hovertext=[
            lines(one.name, f"{one.middle:.2f}, 90 % interval {one.low:.2f} to {one.high:.2f}")
            for one in shown
        ],
        hoverinfo="text",
    )
    caption = (
        "By how much the squared error of a random forest grows on trials it has not seen, once a "
        "choice is shuffled, in variances of the score: the median over bootstrap samples of the "
        "trials, and an interval of 90 %. "
        "Where it reaches 0, the choice may not matter at all."
    )
    if all(one.low <= 0 for one in found):
        caption += " So it is with every choice here: the trials do not tell which matters."
    return Drawn(title, caption, drawn)


def varied(run: Run) -> list[str]:
    """The choices that differ among the trials."""
    trials = run.records.trials
    return [
        name
        for name in hyperparameters(trials)
        if len({repr(t.configuration.get(name)) for t in trials}) > 1
    ]


def values_of(run: Run, name: str) -> list[Any]:
    """A choice of each trial that succeeded; None where it has no say."""
    return [t.configuration.get(name) for t in run.records.completed]
