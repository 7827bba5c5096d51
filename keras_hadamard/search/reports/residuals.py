"""Figures of predicted numbers and their errors."""

import numpy as np
import plotly.graph_objects as go

from keras_hadamard.search.reports.drawing import (
    COLOURS,
    GREY,
    Drawn,
    axis,
    figure,
    lines,
    padded,
)
from keras_hadamard.search.run import Run

MOST_TARGETS, MOST_POINTS = 4, 1500


def residuals(run: Run, targets: np.ndarray, served: np.ndarray) -> list[Drawn]:
    """Predictions and errors of the training that is served, for each target."""
    targets = targets.reshape(len(targets), -1).astype("float64")
    served = served.reshape(len(targets), -1).astype("float64")
    rows = np.arange(len(targets))
    if len(rows) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_POINTS, replace=False))
    some = len(rows) < len(targets)
    sampled = f" {MOST_POINTS:,} of {len(targets):,} rows are shown." if some else ""
    drawn = []
    for i, name in enumerate(run.facts.classes[:MOST_TARGETS]):
        true, predicted = targets[rows, i], served[rows, i]
        reach = padded([*true, *predicted])
        against = figure(
            height=420,
            legend=True,
            xaxis=axis(f"true {name}", range=padded(true), nticks=6),
            yaxis=axis("predicted", range=padded(predicted), nticks=6),
        )
        _points(against, true, predicted, true, predicted)
        against.add_scatter(
            x=reach,
            y=reach,
            mode="lines",
            name="as predicted",
            line={"color": GREY, "dash": "dash"},
            hoverinfo="skip",
        )
        caption = f"By the training that is served; on the line a prediction is right.{sampled}"
        drawn.append(Drawn(f"Predicted against true {name}", caption, against))
        errors = true - predicted
        rest = figure(
            height=420,
            legend=True,
            xaxis=axis("predicted", range=padded(predicted), nticks=6),
            yaxis=axis("true less predicted", range=padded([0, *errors]), nticks=6),
        )
        _points(rest, predicted, errors, true, predicted)
        rest.add_scatter(
            x=padded(predicted),
            y=[0, 0],
            mode="lines",
            name="as predicted",
            line={"color": GREY, "dash": "dash"},
            hoverinfo="skip",
        )
        caption = "A bend or a funnel is something that the model has not learnt."
        drawn.append(Drawn(f"Residuals of {name}", caption, rest))
    return drawn


def _points(
    drawn: go.Figure, x: np.ndarray, y: np.ndarray, true: np.ndarray, predicted: np.ndarray
) -> None:
    drawn.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"color": COLOURS[0], "size": 7, "opacity": 0.55},
        name="a row of test",
        hovertext=[
            lines(f"true {a:.5g}", f"predicted {b:.5g}")
            for a, b in zip(true, predicted, strict=True)
        ],
        hoverinfo="text",
    )
