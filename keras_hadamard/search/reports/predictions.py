"""Figures of what the best predicts of the test split."""

from dataclasses import dataclass

import numpy as np

from keras_hadamard.search.finalists import best_final
from keras_hadamard.search.reports.calibration import calibration_curve
from keras_hadamard.search.reports.drawing import (
    COLOURS,
    Drawn,
    axis,
    figure,
    lines,
    rows_axis,
    rows_height,
    said,
    shortened,
)
from keras_hadamard.search.reports.residuals import residuals
from keras_hadamard.search.run import Run

MOST_CLASSES = 20
# The labels of both axes take their place from the cells.
LONGEST = 14
# Cells of a larger matrix have no room for a number.
MOST_NUMBERS = 10


@dataclass(frozen=True)
class Predictions:
    """The targets of the test split, and the predictions of the best: of each seed, and served."""

    targets: np.ndarray
    seeds: list[np.ndarray]
    served: np.ndarray


def predictions_of(run: Run) -> Predictions | None:
    """What the best predicts, if all its files are there."""
    best, targets = run.best, run.records.test_targets
    if best is None or not best.finals or targets is None:
        return None
    found = [run.records.predictions(f) for f in best.finals]
    whole = [p for p in found if p is not None and len(p) == len(targets)]
    if len(whole) < len(found):
        return None
    return Predictions(targets, whole, whole[best.finals.index(best_final(best))])


def figures_of_predictions(run: Run) -> list[Drawn]:
    """The mistakes of the best on test, by the task."""
    found = predictions_of(run)
    if found is None:
        return [Drawn("Predictions of the best", "There are no predictions of the test split yet.")]
    if run.facts.task == "regression":
        return residuals(run, found.targets, found.served)
    mistakes = _by_label if run.facts.task == "multilabel" else _confusion
    return [mistakes(run, found), calibration_curve(run, found.targets, found.seeds)]


def _confusion(run: Run, found: Predictions) -> Drawn:
    classes = run.facts.classes
    counts = np.zeros((len(classes), len(classes)))
    for predicted in found.seeds:
        np.add.at(counts, (found.targets, predicted.argmax(-1)), 1 / len(found.seeds))
    kept = np.sort(np.argsort(-counts.sum(1), kind="stable")[:MOST_CLASSES])
    totals = np.maximum(counts.sum(1)[kept], 1)
    shown = counts[np.ix_(kept, kept)]
    shares = shown / totals[:, None]
    names = [classes[i] for i in kept]
    shown_names = [said(shortened(n, LONGEST)) for n in names]
    ticks = {"tickvals": list(range(len(names))), "ticktext": shown_names}
    drawn = figure(
        height=max(320, 150 + 28 * len(names)),
        xaxis=axis("predicted", showgrid=False, tickangle=-45 if len(names) > 3 else 0, **ticks),
        yaxis=axis("true", showgrid=False, autorange="reversed", **ticks),
    )
    numbers = len(names) <= MOST_NUMBERS
    drawn.add_heatmap(
        z=shares,
        zmin=0,
        zmax=1,
        colorscale="Cividis",
        text=[[f"{n:.3g}" for n in row] for row in shown],
        texttemplate="%{text}" if numbers else None,
        hovertext=[
            [
                lines(f"true: {a}", f"predicted: {b}", f"{shown[i, j]:.3g} of {totals[i]:.0f} rows")
                for j, b in enumerate(names)
            ]
            for i, a in enumerate(names)
        ],
        hoverinfo="text",
        xgap=1,
        ygap=1,
        colorbar={
            "title": {"text": "share of row", "side": "right"},
            "thickness": 12,
            "tickformat": ".0%",
        },
    )
    caption = f"Rows of the test split, {_of_seeds(found)}."
    if len(classes) > len(names):
        caption += f" These are the {len(names)} most frequent of {len(classes):,} classes."
    many = len(names) > MOST_NUMBERS
    width = 220 + (24 if many else 48) * len(names)
    return Drawn("Confusion of the best on test", caption, drawn, wide=many, width=width)


def _of_seeds(found: Predictions) -> str:
    return f"mean over {len(found.seeds)} seeds" if len(found.seeds) > 1 else "one seed"


def _by_label(run: Run, found: Predictions) -> Drawn:
    """Precision and recall of each label."""
    decided = np.array([p > 0.5 for p in found.seeds])
    right = (decided & (found.targets == 1)).sum(1).mean(0)
    claimed, there = decided.sum(1).mean(0), (found.targets == 1).sum(0)
    kept = np.argsort(-there, kind="stable")[:MOST_CLASSES]
    names = [run.facts.classes[i] for i in kept]
    drawn = figure(
        height=rows_height(len(names), 28),
        legend=True,
        xaxis=axis(None, range=[-0.03, 1.03], tickformat=".0%", nticks=6),
        yaxis=rows_axis(names),
    )
    rates = (
        ("precision", right / np.maximum(claimed, 1e-9), "circle"),
        ("recall", right / np.maximum(there, 1), "diamond"),
    )
    for colour, (name, values, symbol) in zip(COLOURS, rates, strict=False):
        drawn.add_scatter(
            x=values[kept],
            y=list(range(len(names))),
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11},
            name=name,
            hovertext=[
                lines(run.facts.classes[i], f"{name} {values[i]:.3f}", f"{there[i]:,} rows have it")
                for i in kept
            ],
            hoverinfo="text",
        )
    caption = f"A label counts as predicted above a probability of 0.5; {_of_seeds(found)}."
    if len(run.facts.classes) > len(names):
        caption += f" These are the {len(names)} most frequent labels."
    return Drawn("Labels of the best on test", caption, drawn)
