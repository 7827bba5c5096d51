"""`summary.txt`: what came out, in plain words."""

from collections.abc import Sequence

from keras_hadamard.search.amounts import direction, spread
from keras_hadamard.search.costs import known
from keras_hadamard.search.finalists import Finalist, violated_limit
from keras_hadamard.search.progress import clock
from keras_hadamard.search.records import describe
from keras_hadamard.search.run import Run
from keras_hadamard.search.table import aligned, column_rows
from keras_hadamard.search.trainings import FAILED, REFUSED
from keras_hadamard.search.verdict import state, verdict

NAMES = {
    "latency": "the milliseconds of one example",
    "parameters": "the parameters",
    "macs": "the multiplications of one example",
    "exported": "the exported size",
}
# A text with more names than this is not read.
MOST_NAMES, LONGEST = 20, 40
MOST_COLUMNS = 40


def summary(run: Run, said: Sequence[str] | None = None) -> str:
    """The whole text; `said` is the verdict, where it is known already: it takes seconds."""
    unfinished = state(run)
    parts = [f"Search of {run.settings.source}"]
    if unfinished:
        parts.append(unfinished)
    parts.append("Result\n" + "\n".join(verdict(run) if said is None else said))
    parts.append(aligned([list(row) for row in fact_rows(run)]))
    if run.facts.warnings:
        parts.append("Look at this in the data\n" + "\n".join(run.facts.warnings))
    if 0 < len(run.facts.columns) <= MOST_COLUMNS:
        parts.append("Columns\n" + aligned(column_rows(run.facts.columns)))
    if run.best is not None:
        parts.append(_best(run, run.best))
    title = f"Finalists ({direction(run.objective)}: mean and standard deviation over seeds)"
    if run.finalists:
        parts.append(f"{title}\n{aligned(finalist_rows(run))}")
    if run.records.references:
        parts.append(f"Other models on the same splits\n{aligned(reference_rows(run))}")
    parts.append("How to read this\n" + "\n".join(method(run)))
    if run.notes:
        parts.append("Notes\n" + "\n".join(run.notes))
    if run.records.best is not None:
        parts.append("Serving check\n" + str(run.records.best["check"]))
    return "\n\n".join(parts) + "\n"


def fact_rows(run: Run) -> list[tuple[str, str]]:
    """What was searched, a name and a phrase for each."""
    s, records, facts = run.settings, run.records, run.facts
    failed = sum(t.status == FAILED for t in records.trials)
    refused = sum(t.status == REFUSED for t in records.trials)
    limited = f", {refused} beyond a limit and not trained" if any(s.limits.values()) else ""
    word = {"regression": "targets", "multilabel": "labels"}.get(facts.task, "classes")
    return [
        ("data set", f"{s.source}: {', '.join(f'{n} ({k})' for n, k in facts.inputs.items())}"),
        ("examples", ", ".join(f"{count:,} {split}" for split, count in facts.sizes.items())),
        ("task", f"{facts.task}, judged by {direction(run.objective)}"),
        (word, _names(facts.classes)),
        ("search", f"{s.algorithm} over {spaces(run)}; seed {s.seed}"),
        ("trials", f"{len(records.trials)} of {s.max_trials}, {failed} failed{limited}"),
        ("training", f"at most {facts.epochs} epochs, batches of {facts.batch_size}"),
        ("time", f"{clock(records.seconds)} of training"),
    ]


def spaces(run: Run) -> str:
    """What was searched."""
    given = run.settings.spaces
    return ", ".join(given) if given else "what suits its inputs"


def _names(names: tuple[str, ...]) -> str:
    shown = [n if len(n) <= LONGEST else f"{n[:LONGEST]}…" for n in names[:MOST_NAMES]]
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return f"{len(names)}: {', '.join(shown)}{more}"


def _best(run: Run, best: Finalist) -> str:
    return (
        f"Best configuration (trial {best.trial.number})\n"
        f"{describe(best.trial.configuration)}\n{costs_of(run, best)}"
    )


def costs_of(run: Run, finalist: Finalist) -> str:
    """What a configuration costs, in words."""
    trial = finalist.trial
    said = [f"{trial.parameters:,} parameters" if trial.parameters else "size unknown"]
    if run.pruned:
        said.append(f"{trial.size:,} of them not zero")
    if trial.latency is not None:
        said.append(f"{trial.latency:.2f} ms for one example")
    if trial.macs is not None:
        said.append(f"{trial.macs:,} multiplications of it")
    if trial.exported is not None:
        said.append(f"{trial.exported:.2f} MB as it is served")
    return ", ".join(said)


def finalist_rows(run: Run) -> list[list[str]]:
    """The finalists below a header, the best first."""
    size = "not zero" if run.pruned else "parameters"
    costs = known(run.records.trials)
    head = ["trial", "configuration", size, *(cost.title for cost in costs)]
    rows = [[*head, "seeds", "validation", "test"]]
    for f in run.finalists:
        role = f" ({run.baseline_name})" if run.is_baseline(f) else ""
        rows.append(
            [
                str(f.trial.number),
                describe(f.trial.configuration) + role,
                f"{f.trial.size:,}" if f.trial.size else "-",
                *(cost.cell(f.trial) for cost in costs),
                str(len(f.finals)),
                spread(run.objective, f.validations),
                spread(run.objective, f.tests),
            ]
        )
    return rows


def reference_rows(run: Run) -> list[list[str]]:
    """The references below a header; one without scores says why."""
    rows = [["model", "validation", "test", "seconds"]]
    for r in run.records.references:
        scores = [
            "-" if score is None else run.objective.format(score)
            for score in (r.validation, r.test)
        ]
        missing = f" (no score: {r.reason})" if r.reason else ""
        rows.append([r.name + missing, *scores, f"{r.seconds:.1f}"])
    return rows


def method(run: Run) -> list[str]:
    """How the numbers came about, with what speaks against them."""
    title, settings = run.objective.title, run.settings
    weights = {"latency": settings.latency_weight, **(settings.weights or {})}
    costs = [f"{w:g} for each doubling of {NAMES[n]}" for n, w in weights.items() if w]
    cost = f", less {' and '.join(costs)}" if costs else ""
    folds = f" in {settings.folds} folds, by its mean" if settings.folds else ""
    lower = "" if run.objective.sign > 0 else f" Smaller is better of {title}."
    sentences = [
        f"Trials are ranked by validation {title}{folds}{cost}.{lower} The two best "
        "and the baseline are then trained again with fresh seeds, the same for each; the best "
        "ranks highest by the mean of these. The test split is used for the figures above and for "
        "nothing else. "
        "best.keras is the seed of the best that does best on validation.",
        "A difference counts as more than noise when it exceeds a 95 % interval that covers the "
        "spread over seeds and the limited number of test examples, which is the same as a p below "
        "0.05: the probability of such a difference between two equally good ones, both shown the "
        "same test examples.",
    ]
    if run.best is not None:
        count = len(run.records.trials)
        sentences.append(
            "The baseline has its default settings, while the best is the pick of "
            f"{count} {'trial' if count == 1 else 'trials'}."
        )
    excess = violated_limit(run.baseline.trial, settings.limits)
    if excess is not None:
        sentences.append(f"The baseline is beyond a limit ({excess}) and stands for comparison.")
    return [*sentences, *_best_concatenation(run)]


def _best_concatenation(run: Run) -> list[str]:
    """The best trial that fuses like the baseline, if it is another: its tuning had a chance."""
    best = run.best
    tuned = [t for t in run.records.completed if t.configuration.get("fusion") == "concat"]
    if best is None or len(run.facts.inputs) < 2 or not tuned:
        return []
    found, own = tuned[0], best.trial
    scores = [t.score for t in (found, own) if t.score is not None]
    if found.configuration in (run.baseline.trial.configuration, own.configuration):
        return []
    said = [run.objective.format(score) for score in scores]
    return [
        f"The best concatenation among the trials is trial {found.number}, with a validation "
        f"{run.objective.title} of {said[0]} against {said[-1]} of trial {own.number}."
    ]
