"""Parallel coordinates: all trials as lines through their choices."""

import math
import textwrap
from typing import Any

import plotly.graph_objects as go

from keras_hadamard.search.amounts import direction
from keras_hadamard.search.reports.choices import values_of, varied
from keras_hadamard.search.reports.drawing import Drawn, figure, logarithmic, padded, said
from keras_hadamard.search.run import Run

MOST_AXES = 14
# Up to so many numbers are told apart as names are.
FEW = 8
AXIS_WIDTH = 110
# Of two colours that a white and a black page show.
COLOURSCALE = ((0.0, "#0072b2"), (0.5, "#8a8f98"), (1.0, "#e69f00"))


def parallel_coordinates(run: Run) -> Drawn:
    """A line for each trial; dragging along an axis picks some."""
    title, trials = "All trials by their choices", run.records.completed
    names = varied(run)
    if len(trials) < 2 or not names:
        return Drawn(title, "It takes two trials that succeeded and differ.")
    shown = names[:MOST_AXES]
    scores = [t.score or 0.0 for t in trials]
    # The score last, so that lines end where they came to.
    last = _numbers(run.objective.title, scores, steep=False)
    reverse = run.objective.sign < 0
    drawn = figure(height=430, margin={"l": 84, "r": 60, "t": 90, "b": 20})
    drawn.add_trace(
        go.Parcoords(
            dimensions=[*(_dimension(name, values_of(run, name)) for name in shown), last],
            line={
                "color": scores,
                "colorscale": COLOURSCALE,
                "reversescale": reverse,
                "cmin": min(scores),
                "cmax": max(scores) if max(scores) > min(scores) else min(scores) + 1e-9,
            },
            labelfont={"size": 12},
            tickfont={"size": 11},
            rangefont={"size": 10},
        )
    )
    left = f" Left out are {', '.join(names[MOST_AXES:])}." if len(names) > MOST_AXES else ""
    return Drawn(
        title,
        f"A line is a trial; orange ones have the best {direction(run.objective)}, on the right. "
        "Drag along an axis to pick trials, and its name to move it; a dash stands for a choice "
        f"without a say.{left}",
        drawn,
        wide=True,
        width=AXIS_WIDTH * (len(shown) + 1),
    )


def _dimension(name: str, values: list[Any]) -> dict[str, Any]:
    known = [v for v in values if v is not None]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)
    if not known or not numbers or len({*values}) <= FEW:
        order = sorted(set(known) if numbers else {str(v) for v in known})
        missing = ["-"] if len(known) < len(values) else []
        names = [*missing, *(_tick(v) for v in order)]
        places = [
            0 if v is None else len(missing) + order.index(v if numbers else str(v)) for v in values
        ]
        ticks = {"tickvals": list(range(len(names))), "ticktext": names}
        return {"label": _label(name), "values": places, "range": [-0.5, len(names) - 0.5], **ticks}
    return _numbers(name, values, logarithmic(known, 20))


def _numbers(name: str, values: list[Any], steep: bool) -> dict[str, Any]:
    """An axis of numbers; a dash below them is for those that are missing."""
    known = [v for v in values if v is not None]
    scale = math.log10 if steep else float
    places = [scale(v) for v in known]
    low, high = min(places), max(places)
    apart = (high - low) / 8
    marks = [low + (high - low) * i / 4 for i in range(5)]
    names = [_tick(10**m if steep else m) for m in marks]
    if len(known) < len(values):
        # Below all numbers.
        marks, names = [low - apart, *marks], ["-", *names]
    at = [low - apart if v is None else scale(v) for v in values]
    ticks = {"tickvals": marks, "ticktext": names}
    return {"label": _label(name), "values": at, "range": padded(at), **ticks}


def _tick(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _label(name: str) -> str:
    """A name in lines that fit between two axes."""
    return "<br>".join(said(part) for part in textwrap.wrap(name.replace("_", " "), 15))
