"""The report's pictures, as PNG."""

import io
from collections.abc import Sequence
from functools import partial
from typing import Any

from keras_hadamard.search.costs import Cost, known
from keras_hadamard.search.pareto import Price, pareto, size
from keras_hadamard.search.records import Trial
from keras_hadamard.search.run import Run

# A palette that survives colour blindness (Okabe and Ito).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#8a8f98"
CURVES = 4


def pictures(run: Run) -> dict[str, bytes]:
    """All pictures by title."""
    # Not pyplot: it keeps figures alive and may look for a display.
    drawn = {
        f"Score by {run.grouping}": _png(_by_kind, run),
        f"Score against number of {_sizes(run)}": _png(_against_size, run),
    }
    for cost in known(run.records.completed):
        drawn[f"Score against {cost.name}"] = _png(partial(_against_cost, cost=cost), run)
    return {**drawn, "Learning curves of the best": _png(_curves, run)}


def _png(draw: Any, run: Run) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), dpi=144, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.grid(True, color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes, run)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _sizes(run: Run) -> str:
    return "weights that are not zero" if run.pruned else "parameters"


def _colours(run: Run) -> dict[str, str]:
    """One colour a kind, the same in all pictures."""
    kinds = sorted({_kind(run, t) for t in run.records.trials})
    return {kind: COLOURS[i % len(COLOURS)] for i, kind in enumerate(kinds)}


def _kind(run: Run, trial: Trial) -> str:
    return str(trial.configuration.get(run.grouping, "-"))


def _by_kind(axes: Any, run: Run) -> None:
    groups: dict[str, list[Trial]] = {}
    for trial in run.records.completed:
        groups.setdefault(_kind(run, trial), []).append(trial)
    colours = _colours(run)
    # The best kind on top; `completed` is sorted, so the first of each group is its best.
    order = sorted(groups, key=lambda kind: groups[kind][0].score or 0.0)
    for row, kind in enumerate(order):
        scores = [t.score or 0.0 for t in groups[kind]]
        axes.plot([min(scores), max(scores)], [row, row], color=colours[kind], alpha=0.35, lw=6)
        axes.scatter(scores, [row] * len(scores), color=colours[kind], s=46, zorder=3)
        axes.annotate(
            f"{scores[0]:.3f}",
            (scores[0], row),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    _baseline(axes.axvline, run)
    axes.set_yticks(range(len(order)), [f"{kind} ({len(groups[kind])})" for kind in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.margins(x=0.12)
    axes.set_xlabel("validation accuracy")
    if run.records.trials[0].completed:
        axes.legend(loc="lower right", frameon=False, fontsize=9)


def _baseline(line: Any, run: Run) -> None:
    baseline = run.records.trials[0]
    if baseline.score is not None:
        line(baseline.score, color=GREY, ls="--", lw=1.2, label=run.baseline_name)


def _against_size(axes: Any, run: Run) -> None:
    _against(axes, run, size)
    axes.set_xlabel(_sizes(run))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _against_cost(axes: Any, run: Run, cost: Cost) -> None:
    _against(axes, run, cost.of)
    axes.set_xlabel(cost.name)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _against(axes: Any, run: Run, cost: Price) -> None:
    done = [t for t in run.records.completed if cost(t) is not None]
    colours = _colours(run)
    for kind, colour in colours.items():
        own = [t for t in done if _kind(run, t) == kind]
        axes.scatter(
            [cost(t) for t in own],
            [t.score or 0.0 for t in own],
            color=colour,
            s=46,
            label=kind,
            zorder=3,
        )
    front = pareto(done, cost)
    axes.step(
        [cost(t) for t in front],
        [t.score or 0.0 for t in front],
        where="post",
        color=GREY,
        lw=1.4,
        label="Pareto front",
    )
    axes.set_ylabel("validation accuracy")
    axes.margins(x=0.08, y=0.12)
    axes.legend(loc="best", frameon=False, fontsize=9)
    _name(axes, [(cost(t), t.score or 0.0, f"trial {t.number}") for t in front])


# Pixels within which the names of two points overlap.
NAME = (75, 25)


def _name(axes: Any, points: Sequence[tuple[float, float, str]]) -> None:
    """Names above points; of names that would overlap that of the better one stays."""
    axes.autoscale_view()
    taken: list[Any] = []
    for x, y, name in reversed(points):
        place = axes.transData.transform((x, y))
        if any((abs(place - other) < NAME).all() for other in taken):
            continue
        taken.append(place)
        axes.annotate(
            name, (x, y), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8
        )


def _curves(axes: Any, run: Run) -> None:
    shown = run.records.completed[:CURVES]
    baseline = run.records.trials[0]
    if baseline.completed and baseline not in shown:
        shown = [*shown, baseline]
    for i, trial in enumerate(shown):
        name = f"trial {trial.number}: {_kind(run, trial)}"
        if run.grouping == "fusion":
            name += f", {trial.configuration.get('gating')}"
        axes.plot(
            range(1, len(trial.curve) + 1),
            trial.curve,
            color=GREY if trial.baseline else COLOURS[i % len(COLOURS)],
            ls="--" if trial.baseline else "-",
            lw=1.8,
            marker=".",
            label=f"{name} (baseline)" if trial.baseline else name,
        )
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("validation accuracy")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
