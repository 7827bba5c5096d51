"""Figures of the score against what a model costs."""

from keras_hadamard.search.amounts import direction
from keras_hadamard.search.costs import Cost, known
from keras_hadamard.search.pareto import Price, pareto, size
from keras_hadamard.search.reports.drawing import (
    GREY,
    Drawn,
    Look,
    axis,
    figure,
    padded,
    said,
    scaled,
)
from keras_hadamard.search.run import Run
from keras_hadamard.search.trainings import Trial


def score_against_costs(run: Run, look: Look) -> list[Drawn]:
    """The score against the size, and against each cost that was measured."""
    sizes = "weights that are not zero" if run.pruned else "parameters"
    costs = [_against(run, look, f"number of {sizes}", size, lambda t: f"{t.size:,} {sizes}")]
    return [*costs, *(_against_cost(run, look, cost) for cost in known(run.records.completed))]


def _against_cost(run: Run, look: Look, cost: Cost) -> Drawn:
    return _against(run, look, cost.name, cost.of, lambda t: f"{cost.cell(t)} {cost.title}")


def _against(run: Run, look: Look, name: str, cost: Price, says: Price) -> Drawn:
    title = f"Score against {name}"
    groups = {kind: [t for t in g if cost(t) is not None] for kind, g in look.groups.items()}
    done: list[Trial] = [t for group in groups.values() for t in group]
    if not done:
        return Drawn(title, "No trial of a known cost has succeeded.")
    scores = [t.score for t in done]
    drawn = figure(
        height=420,
        legend=True,
        xaxis=scaled([cost(t) for t in done], name),
        yaxis=axis(f"validation {direction(run.objective)}", range=padded(scores), nticks=7),
    )
    front = pareto(done, cost)
    drawn.add_scatter(
        x=[cost(t) for t in front],
        y=[t.score for t in front],
        mode="lines",
        line={"color": GREY, "shape": "hv", "width": 2},
        name="Pareto front",
        hoverinfo="skip",
    )
    for kind, group in groups.items():
        on = {t.number for t in front}
        drawn.add_scatter(
            x=[cost(t) for t in group],
            y=[t.score for t in group],
            mode="markers",
            # What no other beats is solid.
            marker=look.marker(kind, opacity=[1 if t.number in on else 0.45 for t in group]),
            name=said(kind),
            hovertext=[look.hover(t, says(t)) for t in group],
            hoverinfo="text",
        )
    return Drawn(
        title, "Solid points are on the Pareto front: no other is as good at no higher cost.", drawn
    )
