"""Learning curves of all trials."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from keras_hadamard.search.amounts import direction
from keras_hadamard.search.reports.drawing import (
    GREY,
    Drawn,
    Look,
    axis,
    figure,
    lines,
    padded,
    said,
    scaled,
)
from keras_hadamard.search.run import Run
from keras_hadamard.search.trainings import Trial


def learning_curves(run: Run, look: Look) -> list[Drawn]:
    """The loss of training and validation, and the score, by epoch."""
    trials = [t for t in run.records.trials if t.curve or t.losses or t.validation_losses]
    if not trials:
        why = "No trial has curves."
        if run.settings.folds:
            why += " Cross-validation trains several models for one trial."
        return [Drawn("Learning curves", why)]
    order = sorted(trials, key=lambda t: t.baseline)
    found = []
    if any(t.losses or t.validation_losses for t in trials):
        values = [v for t in trials for v in (*t.losses, *t.validation_losses)]
        drawn = _empty(trials, scaled(values, "loss"))
        for trial in order:
            _add(drawn, look, trial, trial.losses, "training loss", "dot", 0.45)
            _add(drawn, look, trial, trial.validation_losses, "validation loss", "solid", 0.8)
        _legend(drawn, run, look, order)
        found.append(
            Drawn(
                "Learning curves: loss",
                "Solid lines are validation, dotted ones training. Where training falls and "
                "validation rises, a model learns its rows by heart.",
                drawn,
            )
        )
    scores = [v for t in trials for v in t.curve]
    title = f"validation {direction(run.objective)}"
    drawn = _empty(trials, axis(title, range=padded(scores), nticks=7))
    for trial in order:
        _add(drawn, look, trial, trial.curve, run.objective.title, "solid", 0.8)
    _legend(drawn, run, look, order)
    title = f"Learning curves: {run.objective.title}"
    return [*found, Drawn(title, "A line is a trial; click a name to hide its lines.", drawn)]


def _empty(trials: Sequence[Trial], yaxis: dict[str, Any]) -> go.Figure:
    last = max(len(c) for t in trials for c in (t.curve, t.losses, t.validation_losses))
    ticks = {"tickmode": "linear", "dtick": max(1, -(-last // 8)), "tick0": 1}
    room = 0.04 * last
    reach = [1 - room, last + room] if last > 1 else [0, 2]
    return figure(
        height=420,
        legend=True,
        xaxis=axis("epoch", range=reach, **ticks),
        yaxis=yaxis,
    )


def _add(
    drawn: go.Figure,
    look: Look,
    trial: Trial,
    curve: Sequence[float],
    what: str,
    dash: str,
    opacity: float,
) -> None:
    kind = look.kind(trial)
    colour = GREY if trial.baseline else look.colour(kind)
    epochs = range(1, len(curve) + 1)
    drawn.add_scatter(
        x=list(epochs),
        y=list(curve),
        # A curve of one epoch is a point.
        mode="lines+markers" if len(curve) < 3 or look.repeated(kind) else "lines",
        marker=look.marker(kind, size=7, color=colour),
        line={"color": colour, "dash": dash, "width": 2},
        opacity=1 if trial.baseline else opacity,
        # Short, as there is one for each point: a choice is told by the table of trials.
        hovertext=[
            lines(f"trial {trial.number}, {kind}", f"epoch {epoch}: {what} {value:.4g}")
            for epoch, value in zip(epochs, curve, strict=True)
        ],
        hoverinfo="text",
        legendgroup="baseline" if trial.baseline else kind,
        showlegend=False,
    )


def _legend(drawn: go.Figure, run: Run, look: Look, trials: Sequence[Trial]) -> None:
    """A name for each kind that is shown: sixty names of trials would be no legend."""
    kinds = dict.fromkeys(look.kind(t) for t in trials if not t.baseline)
    entries = {kind: (said(kind), look.marker(kind), look.repeated(kind)) for kind in kinds}
    if any(t.baseline for t in trials):
        entries["baseline"] = (run.baseline_name, {"color": GREY}, False)
    for group, (name, marker, marked) in entries.items():
        drawn.add_scatter(
            x=[None],
            y=[None],
            mode="lines+markers" if marked else "lines",
            marker={**marker, "size": 7},
            line={"color": marker["color"], "width": 2},
            name=name,
            legendgroup=group,
            showlegend=True,
        )
