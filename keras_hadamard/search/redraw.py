"""Reports of runs by their folders alone: drawn again, or side by side."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from keras_hadamard._core.files import write_atomically
from keras_hadamard.search.comparison import compare
from keras_hadamard.search.costs import known
from keras_hadamard.search.records import Records, describe
from keras_hadamard.search.run import Facts, Run
from keras_hadamard.search.settings import SearchError, SearchSettings
from keras_hadamard.search.summary import points, spread, summary
from keras_hadamard.search.tensorboard import write_logs

# What says where a search runs rather than what it is.
ELSEWHERE = ("out", "folder", "data_dir", "workers", "chief", "lease")


def about(settings: SearchSettings, facts: Facts, notes: Sequence[str] = ()) -> dict[str, Any]:
    """What a record keeps for its reports."""
    names = [f.name for f in fields(settings) if f.name not in ELSEWHERE]
    given = {n: getattr(settings, n) for n in names}
    given |= {"dataset": str(settings.dataset), "spaces": list(settings.spaces)}
    return {"settings": given, "facts": asdict(facts), "notes": list(notes)}


def write_reports(run: Run) -> None:
    """Writes all that is drawn from the records."""
    from keras_hadamard.search.report import report

    run.records.save()
    write_atomically(run.folder / "summary.txt", summary(run))
    write_atomically(run.folder / "report.html", report(run))
    if run.settings.tensorboard:
        write_logs(run.records)


def load_run(folder: str | Path) -> Run:
    """The run of a folder, which need not have ended.

    Args:
        folder: Path of the run.

    Returns:
        A `Run`.

    Raises:
        SearchError: If the folder has no run, a broken one, or one without a trial that succeeded.

    Example:

    >>> from keras_hadamard import tuning
    >>> try:
    ...     tuning.load_run("no/such/folder")
    ... except tuning.SearchError as error:
    ...     print(error)
    no/such/folder holds no trials of a search.
    """
    folder = Path(folder)
    if not (folder / "trials.json").is_file():
        raise SearchError(f"{folder} holds no trials of a search.")
    records = Records.load(folder)
    try:
        known = dict(records.about or {})
        given = {**known["settings"], "spaces": tuple(known["settings"]["spaces"])}
        settings = SearchSettings(**given, out=folder)
        facts, notes = Facts(**known["facts"]), tuple(known["notes"])
    except (KeyError, TypeError, ValueError) as error:
        raise SearchError(
            f"{folder / 'trials.json'} does not say what was searched; the command of the search "
            f"adds it. Received: {error}"
        ) from error
    if not records.completed:
        raise SearchError(f"{folder} holds no trial that succeeded.")
    if not records.trials[0].baseline:
        raise SearchError(f"{folder} holds no baseline yet, which its search has still to train.")
    done = len(records.trials)
    if not notes and done < settings.max_trials:
        notes = (f"The search has not ended: {done} of {settings.max_trials} trials.",)
    return Run(settings, facts, records, notes)


def redraw(folder: str | Path) -> Run:
    """Writes the reports of a run's folder again, whether or not its search has ended.

    Args:
        folder: Path of the run.

    Returns:
        The `Run`.

    Raises:
        SearchError: If the folder has no run, a broken one, or one without a trial that succeeded.

    Example:

    >>> import io, tempfile
    >>> import numpy as np
    >>> from keras_hadamard import tuning
    >>> folder = tempfile.mkdtemp()
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> np.savez(f"{folder}/mine.npz", x=x, target=(x[:, 0] > 0).astype(int))
    >>> settings = tuning.SearchSettings(
    ...     f"{folder}/mine.npz", out=f"{folder}/run", max_trials=1, epochs=1
    ... )
    >>> run = tuning.search(settings, stream=io.StringIO())
    >>> tuning.redraw(f"{folder}/run").records.trials == run.records.trials
    True
    """
    run = load_run(folder)
    write_reports(run)
    return run


def side_by_side(runs: Sequence[Run]) -> list[list[str]]:
    """A row for each run: its best configuration, and by how much that beats its baseline.

    Where runs have the same test examples, the last column sets their bests against the first's.
    """
    costs = known(run.best.trial for run in runs)
    head = ["run", "data set", "search", "trials", "best", "parameters"]
    head += [cost.title for cost in costs]
    rows = [[*head, "validation", "test", "against its baseline", "against the first"]]
    for run in runs:
        best, s = run.best, run.settings
        own, first = run.comparison(), None
        if run is not runs[0] and run.facts == runs[0].facts and best.tests and runs[0].best.tests:
            first = compare(best, runs[0].best)
        rows.append(
            [
                str(run.folder),
                str(s.dataset),
                f"{s.algorithm} over {', '.join(s.spaces)}, seed {s.seed}",
                f"{len(run.records.trials)} of {s.max_trials}",
                f"trial {best.trial.number}: {describe(best.trial.configuration)}",
                f"{best.trial.size:,}",
                *(cost.cell(best.trial) for cost in costs),
                spread([f.score for f in best.finals if f.score is not None]),
                spread(best.tests),
                "-" if own is None else points(own),
                "-" if first is None else points(first),
            ]
        )
    return rows
