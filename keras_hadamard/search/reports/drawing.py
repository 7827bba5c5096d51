"""What all figures share: the palette, the layout, and ranges that few points fit."""

import html
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.io import to_json

from keras_hadamard.search.run import Run
from keras_hadamard.search.trainings import Trial

# A palette that survives colour blindness (Okabe and Ito), without what a white or a black page
# swallows. With more kinds than colours, symbols tell them apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star")
GREY = "#8a8f98"
HEIGHT = 380
# Longer names would take the plot's place; hovering shows the whole.
LONGEST = 20


@dataclass(frozen=True)
class Drawn:
    """A figure with its title and what a reader has to know; without a figure the caption says why.

    `width` is what it needs at least; on a narrower page it scrolls inside its box.
    """

    title: str
    caption: str
    figure: go.Figure | None = None
    wide: bool = False
    width: int = 0

    @property
    def json(self) -> str:
        """The figure for plotly.js, as it may stand inside a script element."""
        found = json.loads(to_json(self.figure, validate=False))
        # The page brings its own, which follows its colours.
        found["layout"].pop("template", None)
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def figure(*, height: int = HEIGHT, legend: bool = False, **layout: Any) -> go.Figure:
    """An empty figure; a legend stands below the plot and takes its own place."""
    margin = {"l": 10, "r": 16, "t": 30, "b": 10}
    below = {
        "orientation": "h",
        "yref": "container",
        "yanchor": "bottom",
        "y": 0,
        "xanchor": "left",
        "x": 0,
    }
    shown = {"height": height, "margin": margin, "showlegend": legend, "legend": below}
    return go.Figure(layout={**shown, "hovermode": "closest", "dragmode": "zoom", **layout})


def axis(title: str | None = None, **options: Any) -> dict[str, Any]:
    """An axis whose title keeps clear of its ticks."""
    named = {} if title is None else {"title": {"text": said(title), "standoff": 8}}
    return {"automargin": True, "zeroline": False, **named, **options}


def rows_axis(names: Sequence[str], **options: Any) -> dict[str, Any]:
    """A vertical axis of names, the first on top; rows are numbered, as names may be equal."""
    shown = [said(shortened(name)) for name in names]
    places = list(range(len(names)))
    ticks: dict[str, Any] = {"tickmode": "array", "tickvals": places, "ticktext": shown}
    return axis(**ticks, range=[len(names) - 0.4, -0.6], showgrid=False, **options)


def rows_height(count: int, each: int = 30, least: int = 200) -> int:
    return max(least, 110 + each * count)


def said(text: Any) -> str:
    """A text for plotly.js, which would take some of HTML for markup."""
    return html.escape(str(text), quote=False)


def lines(*parts: str) -> str:
    """What hovering shows, a line for each part."""
    return "<br>".join(said(part) for part in parts if part)


def shortened(name: str, longest: int = LONGEST) -> str:
    """A name without its middle, if it is long: what tells names apart is often at their end."""
    return name if len(name) <= longest else f"{name[: longest - 6]}…{name[-5:]}"


def padded(values: Iterable[float | None], share: float = 0.08) -> list[float] | None:
    """A range with room around the values, also around a single one; None without any."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return None
    low, high = min(known), max(known)
    room = share * (high - low) or abs(low) * 0.05 or 0.05
    return [low - room, high + room]


def logarithmic(values: Sequence[float], ratio: float = 30) -> bool:
    """Whether values need a logarithmic axis."""
    return len(values) > 1 and min(values) > 0 and max(values) > ratio * min(values)


def scaled(values: Sequence[float], title: str, **options: Any) -> dict[str, Any]:
    """An axis for values that may span powers of ten."""
    if logarithmic(values):
        spread = padded(math.log10(v) for v in values)
        # Of the ticks between powers only two have room for their names.
        near = {"dtick": "D2"} if spread and spread[1] - spread[0] < 2.5 else {"dtick": 1}
        form = "~s" if min(values) >= 1 else "~g"
        return axis(title, type="log", range=spread, tickformat=form, **near, **options)
    return axis(title, range=padded(values), nticks=7, **options)


class Look:
    """One colour and symbol for each choice of the grouping parameter, the same in all figures."""

    def __init__(self, run: Run) -> None:
        self.run, self.objective = run, run.objective
        kinds = sorted({self.kind(t) for t in run.records.trials})
        self._order = {kind: i for i, kind in enumerate(kinds)}

    def kind(self, trial: Trial) -> str:
        return str(trial.configuration.get(self.run.grouping, "-"))

    def colour(self, kind: str) -> str:
        return COLOURS[self._order[kind] % len(COLOURS)]

    def symbol(self, kind: str) -> str:
        return SYMBOLS[self._order[kind] // len(COLOURS) % len(SYMBOLS)]

    def repeated(self, kind: str) -> bool:
        """Whether another kind has its colour as well, so that lines need symbols."""
        return self._order[kind] >= len(COLOURS)

    def marker(self, kind: str, **more: Any) -> dict[str, Any]:
        own = {"color": self.colour(kind), "symbol": self.symbol(kind), "size": 10}
        return {**own, **more}

    @property
    def groups(self) -> dict[str, list[Trial]]:
        """The trials that succeeded by kind, the kind of the best trial first."""
        found: dict[str, list[Trial]] = {}
        for trial in self.run.records.completed:
            found.setdefault(self.kind(trial), []).append(trial)
        return found

    def score(self, trial: Trial) -> str:
        return "-" if trial.score is None else self.objective.format(trial.score)

    def hover(self, trial: Trial, *more: str) -> str:
        """What hovering over a trial shows."""
        name = f"trial {trial.number}" + (f" ({self.run.baseline_name})" if trial.baseline else "")
        values = [f"{n}: {v}" for n, v in trial.configuration.items()]
        return lines(name, f"{self.objective.title} {self.score(trial)}", *more, *values)
