"""Figures of the data, and of when the trainings ran."""

from keras_hadamard.search.reports.drawing import (
    COLOURS,
    GREY,
    Drawn,
    Look,
    axis,
    figure,
    lines,
    rows_axis,
    rows_height,
    said,
)
from keras_hadamard.search.run import Run
from keras_hadamard.search.trainings import Training

MOST_CLASSES = 20


def classes_by_split(run: Run) -> Drawn | None:
    """The share of each class or label in each split; None for numbers."""
    counts = run.facts.class_counts
    if not counts:
        return None
    word = "label" if run.facts.task == "multilabel" else "class"
    names = list(run.facts.classes)
    total = {name: sum(split.get(name, 0) for split in counts.values()) for name in names}
    shown = sorted(names, key=lambda n: -total[n])[:MOST_CLASSES]
    drawn = figure(
        height=rows_height(len(shown), 26),
        legend=True,
        barmode="group",
        xaxis=axis("share of the split", tickformat=".0%", rangemode="tozero", nticks=6),
        yaxis=rows_axis(shown),
    )
    for colour, (split, found) in zip(COLOURS, counts.items(), strict=False):
        size = max(1, run.facts.sizes[split])
        drawn.add_bar(
            x=[found.get(name, 0) / size for name in shown],
            y=list(range(len(shown))),
            orientation="h",
            name=said(split),
            marker={"color": colour},
            hovertext=[
                lines(name, f"{split}: {found.get(name, 0):,} of {size:,}") for name in shown
            ],
            hoverinfo="text",
        )
    caption = f"Hover for the number of rows of a {word}."
    if len(names) > len(shown):
        caption += f" These are the {len(shown)} most frequent of {len(names):,}."
    return Drawn("Labels by split" if word == "label" else "Classes by split", caption, drawn)


def timeline(run: Run, look: Look) -> Drawn:
    """When each training ran, and where."""
    title = "Timeline"
    trainings: list[tuple[str, Training]] = [
        *((f"trial {t.number}", t) for t in run.records.trials),
        *((f"finalist, seed {f.seed}", f) for f in run.records.finals),
    ]
    known = sorted((x for x in trainings if x[1].started), key=lambda x: x[1].started)
    if not known:
        return Drawn(title, "It is not known when the trainings began.")
    starts, paused = _without_pauses([t for _, t in known])
    last = max(s + t.seconds for s, (_, t) in zip(starts, known, strict=True))
    unit, seconds = next((u, s) for u, s in UNITS if last > 3 * s or s == 1)
    workers = list(dict.fromkeys(t.worker or "this machine" for _, t in known))
    drawn = figure(
        height=rows_height(len(workers), 46),
        legend=True,
        barmode="overlay",
        xaxis=axis(f"{unit} since the start", rangemode="tozero", nticks=7),
        yaxis=rows_axis(workers),
    )
    groups = {"trial": COLOURS[0], "failed or refused": COLOURS[1], "finalist": COLOURS[2]}
    for group, colour in groups.items():
        own = [(s, x) for s, x in zip(starts, known, strict=True) if _group(*x) == group]
        if not own:
            continue
        drawn.add_bar(
            base=[s / seconds for s, _ in own],
            x=[t.seconds / seconds for _, (_, t) in own],
            y=[workers.index(t.worker or "this machine") for _, (_, t) in own],
            orientation="h",
            name=group,
            width=0.6,
            # A line between neighbours, which often are of one colour.
            marker={"color": colour, "line": {"color": GREY, "width": 1}},
            hovertext=[
                lines(name, f"{t.seconds:.1f} s", t.status, t.reason or "") for _, (name, t) in own
            ],
            hoverinfo="text",
        )
    caption = "Each training where it ran."
    caption += " Pauses between starts are left out." if paused else ""
    return Drawn(title, caption, drawn, wide=True)


UNITS = (("hours", 3600), ("minutes", 60), ("seconds", 1))
# A gap of more than this share of the trainings' time, and of a minute, is a pause.
PAUSE, SHORTEST = 0.1, 60


def _group(name: str, training: Training) -> str:
    if not training.completed:
        return "failed or refused"
    return "trial" if name.startswith("trial") else "finalist"


def _without_pauses(trainings: list[Training]) -> tuple[list[float], bool]:
    """The seconds from the first start to each, less the time in which nothing ran."""
    worked = sum(t.seconds for t in trainings)
    end, skipped, starts, paused = trainings[0].started, trainings[0].started, [], False
    for t in trainings:
        gap = t.started - end
        if gap > max(PAUSE * worked, SHORTEST):
            skipped, paused = skipped + gap, True
        starts.append(t.started - skipped)
        end = max(end, t.started + t.seconds)
    return starts, paused
