"""`summary.txt`: what came out, in plain words."""

import numpy as np

from keras_hadamard.search.comparison import Comparison, compare
from keras_hadamard.search.costs import known
from keras_hadamard.search.finalists import Finalist, beyond
from keras_hadamard.search.progress import clock
from keras_hadamard.search.records import FAILED, REFUSED, describe
from keras_hadamard.search.run import Run
from keras_hadamard.search.table import aligned

NAMES = {
    "latency": "the milliseconds of one example",
    "parameters": "the parameters",
    "macs": "the multiplications of one example",
    "exported": "the exported size",
}


def verdict(run: Run) -> str:
    """One paragraph: does the best beat the baseline, by how much, and is that more than noise?"""
    base = run.baseline_name
    if not run.best.finals:
        return "No finalist could be trained, so there is no result."
    if run.is_baseline(run.best):
        text = f"Nothing that was tried beats the {base}: by validation accuracy it is the best."
        rivals = [f for f in run.finalists[1:] if f.tests]
        if rivals:
            rival = compare(rivals[0], run.baseline)
            text += (
                f" The next configuration (trial {rivals[0].trial.number}) differs from it on test "
                f"by {_points(rival.difference)} points{interval(rival)}."
            )
        return text
    comparison = run.comparison()
    if comparison is None:
        return f"The {base} has no result, so the best cannot be compared with it."
    difference = _points(comparison.difference)
    who = f"The best configuration (trial {run.best.trial.number})"
    if comparison.margin is None:
        return (
            f"{who} differs from the {base} on test by {difference} points, from one training of "
            "each: without a second seed nobody can tell whether that is noise."
        )
    if not comparison.certain:
        return (
            f"{who} does not beat the {base} beyond noise: the difference on test is "
            f"{difference} points{interval(comparison)}."
        )
    if comparison.difference < 0:
        return (
            f"{who} was better on validation but is worse than the {base} on test, by "
            f"{difference} points{interval(comparison)}."
        )
    return f"{who} beats the {base} on test by {difference} points{interval(comparison)}."


def summary(run: Run) -> str:
    """The whole text."""
    s, records = run.settings, run.records
    failed = sum(t.status == FAILED for t in records.trials)
    refused = sum(t.status == REFUSED for t in records.trials)
    limits = f", {refused} beyond a limit and not trained" if any(s.limits.values()) else ""
    facts = [
        (
            "data set",
            f"{s.dataset}: {', '.join(f'{n} ({k})' for n, k in run.facts.inputs.items())}",
        ),
        ("examples", ", ".join(f"{count} {split}" for split, count in run.facts.sizes.items())),
        ("classes", str(run.facts.classes)),
        ("search", f"{s.algorithm} over {', '.join(s.spaces)}; seed {s.seed}"),
        ("trials", f"{len(records.trials)} of {s.max_trials}, {failed} failed{limits}"),
        ("training", f"at most {s.epochs} epochs, batches of {s.batch_size}"),
        ("time", f"{clock(records.seconds)} of training"),
    ]
    best = run.best
    parts = [
        f"Search of {s.dataset}",
        aligned([list(row) for row in facts]),
        "Result\n" + verdict(run),
        f"Best configuration (trial {best.trial.number})\n"
        f"{describe(best.trial.configuration)}\n"
        f"{best.trial.parameters:,} parameters"
        + (f", {best.trial.size:,} of them not zero" if run.pruned else "")
        + ("" if best.trial.latency is None else f", {best.trial.latency:.2f} ms for one example")
        + ("" if best.trial.macs is None else f", {best.trial.macs:,} multiplications of it")
        + (
            "" if best.trial.exported is None else f", {best.trial.exported:.2f} MB as it is served"
        ),
        "Finalists (accuracy: mean and standard deviation over seeds)\n"
        + aligned(finalist_rows(run)),
        "How to read this\n" + method(run),
    ]
    if run.notes:
        parts.append("Notes\n" + "\n".join(run.notes))
    if records.best is not None:
        parts.append("Serving check\n" + str(records.best["check"]))
    return "\n\n".join(parts) + "\n"


def finalist_rows(run: Run) -> list[list[str]]:
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
                spread([x.score for x in f.finals if x.score is not None]),
                spread(f.tests),
            ]
        )
    return rows


def method(run: Run) -> str:
    """How the numbers came about, with what speaks against them."""
    weights = {"latency": run.settings.latency_weight, **(run.settings.weights or {})}
    costs = [f"{w:g} for each doubling of {NAMES[n]}" for n, w in weights.items() if w]
    cost = f", less {' and '.join(costs)}" if costs else ""
    folds = f" in {run.settings.folds} folds, by its mean" if run.settings.folds else ""
    sentences = [
        f"Trials are ranked by validation accuracy{folds}{cost}. The two best "
        "and the baseline are then trained anew with fresh seeds, the same for each; the best "
        "ranks highest by the mean of these. The test split is used for the figures above and for "
        "nothing else. "
        "best.keras is the seed of the best that does best on validation.",
        "A difference counts as more than noise when it exceeds a 95 % interval that covers the "
        "spread over seeds and the limited number of test examples, which is the same as a p below "
        "0.05: the probability of such a difference between two equally good ones, paired by test "
        "example as both were shown the same.",
        f"The baseline has its default settings, while the best is the pick of "
        f"{len(run.records.trials)} trials.",
    ]
    excess = beyond(run.baseline.trial, run.settings.limits)
    if excess is not None:
        sentences.append(f"The baseline is beyond a limit ({excess}) and stands for comparison.")
    if len(run.facts.inputs) > 1:
        tuned = [t for t in run.records.completed if t.configuration.get("fusion") == "concat"]
        if tuned and not tuned[0].baseline and not _same(tuned[0], run.baseline):
            sentences.append(
                f"The best concatenation among the trials is trial {tuned[0].number}, with a "
                f"validation accuracy of {tuned[0].score:.4f} against {run.best.trial.score:.4f} "
                f"of trial {run.best.trial.number}."
            )
    return "\n".join(sentences)


def _same(trial: object, finalist: Finalist) -> bool:
    return getattr(trial, "configuration", None) == finalist.trial.configuration


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f}"


def points(comparison: Comparison) -> str:
    """A difference in points of accuracy, with what is known of its uncertainty."""
    return f"{_points(comparison.difference)}{interval(comparison)}"


def interval(comparison: Comparison) -> str:
    if comparison.margin is None or comparison.spread is None or comparison.p is None:
        return ""
    return (
        f" (standard deviation {100 * comparison.spread:.2f}, "
        f"95 % interval ± {100 * comparison.margin:.2f}, p = {comparison.p:.2g})"
    )


def spread(values: list[float]) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
