"""Reports of runs by their folders alone: written again, or side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from keras_hadamard._core.extras import require
from keras_hadamard._core.files import write_atomically
from keras_hadamard.search.amounts import judged, spread
from keras_hadamard.search.comparison import Comparison, compare
from keras_hadamard.search.costs import known
from keras_hadamard.search.records import Records, describe
from keras_hadamard.search.run import DatasetInfo, Run
from keras_hadamard.search.settings import SearchError, SearchSettings
from keras_hadamard.search.summary import spaces, summary
from keras_hadamard.search.tensorboard import write_logs
from keras_hadamard.search.verdict import limits, verdict

SUMMARY, REPORT = "summary.txt", "report.html"
# What says where a search runs rather than what it is; an address may have a password in it.
ELSEWHERE = ("out", "folder", "data_dir", "workers", "cluster", "trial_resources", "mlflow")
# Data that was given as an object; by its type's name the settings tell of it.
DATA = ("dataset", "test")


def about(
    settings: SearchSettings, facts: DatasetInfo, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """What a record keeps for its reports, as JSON can have it."""
    names = [f.name for f in fields(settings) if f.name not in ELSEWHERE]
    given = {name: _plain(name, getattr(settings, name)) for name in names}
    return {"settings": given, "facts": asdict(facts), "notes": list(notes)}


def _plain(name: str, value: Any) -> Any:
    if name in DATA and value is not None:
        return str(value) if isinstance(value, str | Path) else type(value).__name__
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def write_reports(run: Run) -> None:
    """Writes all that is made from the records."""
    for package in ("jinja2", "plotly"):
        require(package, package, "keras_hadamard.search")
    from keras_hadamard.search.reports.page import page

    run.records.save()
    said = verdict(run)
    write_atomically(run.folder / SUMMARY, summary(run, said))
    write_atomically(run.folder / REPORT, page(run, said))
    if run.settings.tensorboard:
        write_logs(run.records)


def load_run(folder: str | Path) -> Run:
    """The run of a folder; its search need not have ended.

    Args:
        folder: Path of the run.

    Returns:
        A `Run`.

    Raises:
        SearchError: If the folder has no run, a broken one, or one without a trial.

    Example:

    >>> from keras_hadamard import search
    >>> try:
    ...     search.load_run("no/such/folder")
    ... except search.SearchError as error:
    ...     print(error)
    no/such/folder holds no trials of a search.
    """
    folder = Path(folder)
    records = Records(folder).read()
    if not records.trials:
        raise SearchError(f"{folder} holds no trials of a search.")
    if not records.trials[0].baseline:
        raise SearchError(f"{folder} holds no baseline yet, which its search has still to train.")
    try:
        found = dict(records.about or {})
        given = {name: _tuple(value) for name, value in found["settings"].items()}
        settings = SearchSettings(**given, out=folder)
        facts = {name: _tuple(value) for name, value in found["facts"].items()}
        return Run(settings, DatasetInfo(**facts), records, tuple(found["notes"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SearchError(
            f"{folder / 'trials.json'} does not say what was searched; the command of the search "
            f"adds it. Received: {error}"
        ) from error


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def rebuild_report(folder: str | Path) -> Run:
    """Writes the reports of a run's folder again, whether or not its search has ended.

    Args:
        folder: Path of the run.

    Returns:
        The `Run`.

    Raises:
        SearchError: If the folder has no run, a broken one, or one without a trial.

    Example:

    >>> import io, tempfile
    >>> import numpy as np
    >>> from keras_hadamard import search
    >>> folder = tempfile.mkdtemp()
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> settings = search.SearchSettings(
    ...     {"x": x, "target": (x[:, 0] > 0).astype(int)}, out=f"{folder}/run",
    ...     max_trials=1, epochs=1,
    ... )
    >>> run = search.Search(settings, stream=io.StringIO()).run()
    >>> search.rebuild_report(f"{folder}/run").records.trials == run.records.trials
    True
    """
    run = load_run(folder)
    write_reports(run)
    return run


def side_by_side(runs: Sequence[Run]) -> list[list[str]]:
    """A row for each run: its best configuration, and by how much that beats its baseline.

    Where runs have the same test examples, the last column sets their bests against the first's.
    """
    costs = known(run.best.trial for run in runs if run.best is not None)
    head = ["run", "data set", "search", "trials", "best", "parameters"]
    head += [cost.title for cost in costs]
    head += ["judged by", "validation", "test", "against its baseline", "against the first"]
    rows = [head]
    for run in runs:
        s = run.settings
        rows.append(
            [
                str(run.folder),
                s.source,
                f"{s.algorithm} over {spaces(run)}, seed {s.seed}",
                f"{len(run.records.trials)} of {s.max_trials}",
                *_best(run),
                *(cost.cell(run.best.trial) if run.best else "-" for cost in costs),
                run.objective.title,
                *(spread(run.objective, values) for values in _scores(run)),
                _judged(run, run.comparison()),
                _judged(run, None if run is runs[0] else _against(run, runs[0])),
            ]
        )
    return rows


def _best(run: Run) -> tuple[str, str]:
    if run.best is None:
        admitted = f" within the limits ({limits(run)})" if limits(run) else ""
        return f"none{admitted}", "-"
    trial = run.best.trial
    return f"trial {trial.number}: {describe(trial.configuration)}", f"{trial.size:,}"


def _scores(run: Run) -> tuple[list[float], list[float]]:
    return (run.best.validations, run.best.tests) if run.best else ([], [])


def _judged(run: Run, comparison: Comparison | None) -> str:
    return "-" if comparison is None else judged(run.objective, comparison)


def _against(run: Run, first: Run) -> Comparison | None:
    """A run's best against that of the first, if both were tested on the same examples."""
    best, other = run.best, first.best
    if best is None or other is None or not (best.tests and other.tests):
        return None
    if run.facts != first.facts:
        return None
    return compare((best, run.records), (other, first.records))
