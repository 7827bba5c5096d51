"""What a run came to, in sentences: the first thing that its reports say."""

import numpy as np

from keras_hadamard.search.amounts import amount, interval, spread
from keras_hadamard.search.comparison import Comparison, compare
from keras_hadamard.search.finalists import Finalist, violated_limit
from keras_hadamard.search.limits import MEASURES
from keras_hadamard.search.run import Run
from keras_hadamard.search.trainings import Reference


def state(run: Run) -> str | None:
    """That a search has not ended, if it has not."""
    s, records = run.settings, run.records
    done = len(records.trials)
    if run.finished:
        return None
    ended = done >= s.max_trials or any("trials:" in note for note in run.notes)
    if ended and run.best is None:
        return None
    text = f"The search has not ended: {done} of {s.max_trials} trials"
    if run.best is not None and records.finals:
        wanted = s.seeds * len(run.finalists)
        text += f", {len(records.finals)} of {wanted} trainings of finalists"
    return f"{text}. What follows may still change."


def verdict(run: Run) -> list[str]:
    """Paragraphs: the references that do better, then the best against the baseline."""
    return [*(_outdone(run, r) for r in better_references(run)), _verdict(run)]


def better_references(run: Run) -> list[Reference]:
    """The references with a better test score than the best's mean, the best of them first."""
    best, better = run.best, run.objective.better
    if best is None or not best.tests:
        return []
    own = better(float(np.mean(best.tests)))
    tested = [(better(r.test), r) for r in run.records.references if r.test is not None]
    # The mean of equal scores may be off in its last digit.
    least = own + 1e-9 * max(1.0, abs(own))
    return [r for value, r in sorted(tested, key=lambda pair: -pair[0]) if value > least]


def _outdone(run: Run, reference: Reference) -> str:
    objective, best = run.objective, run.best
    # Of these only `better_references` knows.
    tests = best.tests if best is not None else []
    mean, test = float(np.mean(tests)), reference.test or 0.0
    name = reference.name[0].upper() + reference.name[1:]
    seeds = f" on average over {len(tests)} seeds" if len(tests) > 1 else ""
    return (
        f"{name} is better than anything the search found: {objective.title} "
        f"{objective.format(test)} on test, against {objective.format(mean)} of the best "
        f"configuration{seeds}, a difference of {amount(objective, test - mean)}."
    )


def _verdict(run: Run) -> str:
    best = run.best
    if not run.records.completed:
        reason = run.records.trials[0].reason
        because = f", the first because of {reason}" if reason else ""
        return f"No trial has succeeded{because}."
    if best is None:
        return _nothing_admitted(run)
    if not best.finals:
        return _untested(run, best)
    if run.is_baseline(best):
        return _baseline_wins(run)
    comparison = run.comparison()
    if comparison is None:
        return f"The {run.baseline_name} has no test result, so the best cannot be compared to it."
    return _against_baseline(run, best, comparison)


def _nothing_admitted(run: Run) -> str:
    text = f"No configuration is within the limits ({limits(run)}), so there is no best model."
    nearest = run.nearest
    if nearest is not None:
        reason = violated_limit(nearest, run.settings.limits) or nearest.reason
        which = f"The {run.baseline_name}" if nearest.baseline else f"Trial {nearest.number}"
        text += f" {which} comes nearest: {reason}."
    return text


def limits(run: Run) -> str:
    """The limits on a model in words."""
    given = {name: run.settings.limits.get(name) for name in MEASURES}
    return ", ".join(f"at most {MEASURES[n][1](most)}" for n, most in given.items() if most)


def _untested(run: Run, best: Finalist) -> str:
    if run.records.finals:
        return "No finalist could be trained, so nothing was tested and there is no result."
    objective, trial = run.objective, best.trial
    text = (
        f"No finalist has been trained yet, so nothing was tested. By validation trial "
        f"{trial.number} is the best so far, with {objective.title} {_score(run, trial.score)}"
    )
    baseline = run.records.trials[0]
    if baseline is trial or not baseline.completed:
        return f"{text}; it is the {run.baseline_name}." if baseline is trial else f"{text}."
    return f"{text} against {_score(run, baseline.score)} of the {run.baseline_name}."


def _score(run: Run, score: float | None) -> str:
    return "-" if score is None else run.objective.format(score)


def _baseline_wins(run: Run) -> str:
    objective = run.objective
    text = (
        f"Nothing that was tried beats the {run.baseline_name}: by validation {objective.title} "
        f"it is the best, with {spread(objective, run.baseline.tests)} on test."
    )
    rivals = [f for f in run.finalists[1:] if f.tests]
    if rivals and run.baseline.tests:
        rival = compare((rivals[0], run.records), (run.baseline, run.records))
        word = "better" if rival.difference > 0 else "worse"
        text += (
            f" The next configuration (trial {rivals[0].trial.number}) is {word} on test by "
            f"{amount(objective, rival.difference)}{interval(objective, rival)}."
        )
    return text


def _against_baseline(run: Run, best: Finalist, comparison: Comparison) -> str:
    base, objective = run.baseline_name, run.objective
    difference = amount(objective, comparison.difference)
    uncertain = interval(objective, comparison)
    who = f"The best configuration (trial {best.trial.number})"
    word = "better" if comparison.difference > 0 else "worse"
    means = [objective.format(float(np.mean(f.tests))) for f in (best, run.baseline)]
    scores = f"{objective.title} {means[0]} against {means[1]}"
    if comparison.margin is None:
        return (
            f"{who} is {word} than the {base} on test by {difference} ({scores}), from one "
            "training of each: without a second seed nobody can tell whether that is noise."
        )
    if not comparison.certain:
        return (
            f"{who} does not beat the {base} beyond noise: on test it is {word} by "
            f"{difference}{uncertain}, {scores}."
        )
    if comparison.difference < 0:
        return (
            f"{who} was better on validation but is worse than the {base} on test, by "
            f"{difference}{uncertain}, {scores}."
        )
    return f"{who} beats the {base} on test by {difference}{uncertain}, {scores}."
