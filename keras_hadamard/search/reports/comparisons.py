"""The finalists beside models of other kinds."""

import numpy as np

from keras_hadamard.search.amounts import direction, spread
from keras_hadamard.search.reports.drawing import (
    COLOURS,
    Drawn,
    axis,
    figure,
    lines,
    padded,
    rows_axis,
    rows_height,
)
from keras_hadamard.search.run import Run


def beside_references(run: Run) -> Drawn:
    """Test scores: a point for each seed of a finalist, and one for each reference."""
    title = "Finalists and other models on test"
    rows = [
        (f"{run.baseline_name if run.is_baseline(f) else 'trial'} {f.trial.number}", f.tests)
        for f in run.finalists
        if f.tests
    ]
    rows = [(n.removesuffix(" 1") if "baseline" in n else n, tests) for n, tests in rows]
    finalists = len(rows)
    rows += [(r.name, [r.test]) for r in run.records.references if r.test is not None]
    if not rows:
        return Drawn(title, "Nothing was tested.")
    better = run.objective.better
    order = sorted(range(len(rows)), key=lambda i: -better(float(np.mean(rows[i][1]))))
    drawn = figure(
        height=rows_height(len(rows), 34),
        legend=True,
        xaxis=axis(
            f"test {direction(run.objective)}",
            range=padded(x for _, tests in rows for x in tests),
            nticks=6,
        ),
        yaxis=rows_axis([rows[i][0] for i in order]),
    )
    groups = (
        ("finalists, a point for each seed", COLOURS[0], "circle", lambda i: i < finalists),
        ("other models", COLOURS[1], "diamond", lambda i: i >= finalists),
    )
    for name, colour, symbol, belongs in groups:
        points = [(x, y, i) for y, i in enumerate(order) if belongs(i) for x in rows[i][1]]
        if points:
            drawn.add_scatter(
                x=[x for x, _, _ in points],
                y=[y for _, y, _ in points],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 11, "opacity": 0.8},
                name=name,
                hovertext=[
                    lines(rows[i][0], f"{run.objective.format(x)}; {_mean(run, rows[i][1])}")
                    for x, _, i in points
                ],
                hoverinfo="text",
            )
    missing = [f"{r.name}: {r.reason}" for r in run.records.references if r.test is None]
    without = f" Without a score: {'; '.join(missing)}." if missing else ""
    return Drawn(title, f"The best is on top.{without}", drawn)


def _mean(run: Run, tests: list[float]) -> str:
    return f"mean {spread(run.objective, tests)}" if len(tests) > 1 else "one training"
