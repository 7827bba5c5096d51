"""The whole search: trials, finalists, the model for serving, the reports."""

import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

import keras
import keras_tuner

from keras_hadamard._core.extras import require
from keras_hadamard.tuning.budget import Budget
from keras_hadamard.tuning.cluster import cluster
from keras_hadamard.tuning.files import draft_of
from keras_hadamard.tuning.finalists import Finals, best_final
from keras_hadamard.tuning.in_step import leading
from keras_hadamard.tuning.oracles import derive
from keras_hadamard.tuning.problem import hypermodel_of, load
from keras_hadamard.tuning.progress import Progress
from keras_hadamard.tuning.raw_examples import raw_examples
from keras_hadamard.tuning.records import Records
from keras_hadamard.tuning.redraw import about, write_reports
from keras_hadamard.tuning.run import Facts, Run
from keras_hadamard.tuning.run_folder import STATE, identity, locked, prepare
from keras_hadamard.tuning.settings import SearchError, SearchSettings
from keras_hadamard.tuning.space_size import space_size
from keras_hadamard.tuning.summary import summary
from keras_hadamard.tuning.table import aligned, trial_rows
from keras_hadamard.tuning.tuner import Trials


class SearchFailed(RuntimeError):
    """A search of which nothing can be reported, because no trial succeeded.

    Example:

    >>> from keras_hadamard import tuning
    >>> issubclass(tuning.SearchFailed, RuntimeError)
    True
    """


def search(settings: SearchSettings, data: Any = None, stream: TextIO | None = None) -> Run:
    """Searches a data set, or goes on with the search that `settings.folder` holds.

    Every finished training is on disk at once, so a search that was interrupted, by whatever means,
    is continued by calling this again with the same settings; `max_trials` and `budget` may be
    raised. The folder gets `trials.csv`, `trials.json`, `report.html`, `best.keras`, `serving/1/`,
    `summary.txt`, and `run.json`, which says whose folder it is.

    Args:
        settings: `SearchSettings`.
        data: `keras_hadamard.datasets.ArrayDataset`. Defaults to `None`, which loads
            `settings.dataset`.
        stream: Text file for progress and the final table. Defaults to `None`, standard output.

    Returns:
        A `Run` with `records`, `finalists`, `best`, `baseline` and `comparison()`.

    Raises:
        SearchError: If the data or the settings cannot be used, or the folder holds something else.
        SearchFailed: If no trial succeeded.
        ImportError: If a package of the extra `search` is missing.
        OSError: If the folder cannot be written, for instance as the disk is full. Finished trials
            are kept.

    Example:

    >>> import io, tempfile
    >>> import numpy as np
    >>> from keras_hadamard import tuning
    >>> folder = tempfile.mkdtemp()
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> np.savez(f"{folder}/xor.npz", a=x, b=x, target=(x[:, 0] > 0).astype(int))
    >>> settings = tuning.SearchSettings(
    ...     f"{folder}/xor.npz", out=f"{folder}/run", max_trials=1, epochs=1
    ... )
    >>> run = tuning.search(settings, stream=io.StringIO())
    >>> len(run.records.trials), run.is_baseline(run.best)
    (1, True)
    """
    # Before hours of training rather than after them.
    require("matplotlib", "matplotlib", "keras_hadamard.tuning")
    require("scipy", "scipy", "keras_hadamard.tuning")
    # Before TensorFlow is used, as it wants it.
    among = cluster() if settings.strategy == "multiworker" else None
    if among is not None and not among.chief:
        raise SearchError("The first process of the cluster searches; the others call `follow`.")
    data = load(settings) if data is None else data
    hypermodel = hypermodel_of(settings, data)
    wanted = identity(settings, data)
    manifest = prepare(settings.folder, wanted, derive(settings))
    with locked(settings.folder):
        records = Records.load(settings.folder)
        budget = Budget(settings.budget, records)
        progress = Progress(records, budget, stream)
        _announce(settings, records, progress, hypermodel)
        with nullcontext() if among is None else leading(among, wanted):
            run = _run(settings, manifest["derived"], hypermodel, data, records, budget, progress)
    return run


def _run(
    settings: SearchSettings,
    derived: dict[str, int],
    hypermodel: Any,
    data: Any,
    records: Records,
    budget: Budget,
    progress: Progress,
) -> Run:
    notes = []
    facts = Facts.of(data)
    records.about = about(settings, facts)
    (settings.folder / STATE).mkdir(exist_ok=True)
    if len(records.trials) < settings.max_trials:
        trainings = 3 * settings.seeds
        trials = Trials(settings, derived, hypermodel, data, records, budget, progress, trainings)
        early = trials.run()
        if early:
            notes.append(f"{len(records.trials)} of {settings.max_trials} trials: {early}.")
    if not records.completed:
        reason = records.trials[0].reason if records.trials else "there was no time for one"
        raise SearchFailed(f"No trial succeeded, the first because of {reason}")
    finals = Finals(settings, hypermodel, data, records, budget, progress)
    if not finals.run():
        notes.append("The time budget ended before all finalists had all their seeds.")
    records.about = about(settings, facts, notes)
    run = Run(settings, facts, records, tuple(notes))
    if run.best.finals:
        _serve(run, finals)
    write_reports(run)
    shutil.rmtree(settings.folder / STATE)
    for note in notes:
        progress.say(note)
    progress.say()
    progress.say(aligned(trial_rows(records)))
    progress.say()
    progress.say(summary(run).rstrip())
    return run


def _announce(
    settings: SearchSettings, records: Records, progress: Progress, hypermodel: Any
) -> None:
    done, wanted = len(records.trials), settings.max_trials
    if not done:
        hp = keras_tuner.HyperParameters()
        hypermodel.declare_hyperparameters(hp)
        of = f"{wanted} trials of {space_size(hp):,} configurations"
        progress.say(f"Searching {settings.dataset} in {settings.folder}: {of}")
    elif done < wanted:
        progress.say(f"Continuing {settings.folder}: {done} of {wanted} trials are finished")
    else:
        progress.say(f"{settings.folder}: all {done} trials are finished")


def _serve(run: Run, finals: Finals) -> None:
    """Puts the best model into `best.keras` and `serving/1/`, unless it is there already."""
    folder, final = run.folder, best_final(run.best)
    target, served = folder / "best.keras", folder / "serving"
    wanted = {"trial": run.best.trial.number, "seed": final.seed}
    done = {n: v for n, v in (run.records.best or {}).items() if n in wanted}
    if done == wanted and target.exists() and (served / "1").exists():
        return
    source = finals.model_of(final)
    check, ok = _export(source, served, finals.data)
    shutil.copyfile(source, draft_of(target))
    os.replace(draft_of(target), target)
    run.records.set_best({**wanted, "test": final.test, "check": check, "ok": ok})


def _export(path: Path, served: Path, data: Any) -> tuple[str, bool]:
    """Writes `served/1/`, for requests as they come, and returns what the check of it says."""
    from keras_hadamard import serving

    try:
        model = keras.models.load_model(path)
    except Exception as error:
        raise SearchError(
            f"{path} cannot be read as a model; delete it to have it trained again. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    if served.exists():
        shutil.rmtree(served)
    options = serving.ExportOptions(
        preprocessing=serving.preprocessing_of(data), labels=data.classes
    )
    serving.export(model, served, version=1, examples=raw_examples(data, 8), options=options)
    report = serving.check(served, model)
    return str(report), report.ok
