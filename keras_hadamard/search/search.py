"""The whole search: trials, finalists, the model for serving, the reports."""

import shutil

import keras_tuner

from keras_hadamard.ops._onednn import SWITCH, onednn_is_on
from keras_hadamard.search.export import BEST, digests, write_best
from keras_hadamard.search.finalists import best_final, choose
from keras_hadamard.search.finals import Finals
from keras_hadamard.search.oracles import derive
from keras_hadamard.search.rebuild import SUMMARY
from keras_hadamard.search.references import references
from keras_hadamard.search.run import Run
from keras_hadamard.search.run_folder import STATE, identity, locked, prepare
from keras_hadamard.search.state import SearchState
from keras_hadamard.search.table import trial_rows
from keras_hadamard.search.trials import Trials
from keras_hadamard.tuning.space_size import space_size


class SearchFailed(RuntimeError):
    """A search of which nothing can be reported, because no trial succeeded.

    Example:

    >>> from keras_hadamard import search
    >>> issubclass(search.SearchFailed, RuntimeError)
    True
    """


class Search(SearchState):
    """The search of the layers that suit a data set.

    Every finished training is on disk at once, so a search that was interrupted, by whatever means,
    resumes when it is run again with the same settings; `max_trials` and `budget` may be raised.
    The folder gets `trials.csv`, `trials.json`, `report.html`, `best.keras`, `preprocessing.keras`,
    `serving/1/`, `summary.txt`, and `run.json`, which says whose folder it is.

    Args:
        settings: `SearchSettings`.
        data: `keras_hadamard.datasets.ArrayDataset`. Defaults to `None`, which loads
            `settings.dataset`.
        stream: Text file for progress and the final table. Defaults to `None`, standard output.
        callbacks: Sequence of `keras.callbacks.Callback`; each training gets copies of them.
            Defaults to `()`.

    Raises:
        SearchError: If the data or the settings cannot be used.
        ImportError: If a package of the extra `search` is missing.

    Example:

    >>> import io, tempfile
    >>> import numpy as np
    >>> from keras_hadamard import search
    >>> folder = tempfile.mkdtemp()
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> np.savez(f"{folder}/xor.npz", a=x, b=x, target=(x[:, 0] > 0).astype(int))
    >>> settings = search.SearchSettings(
    ...     f"{folder}/xor.npz", out=f"{folder}/run", max_trials=1, epochs=1
    ... )
    >>> run = search.Search(settings, stream=io.StringIO()).run()
    >>> len(run.records.trials), run.is_baseline(run.best)
    (1, True)
    """

    def run(self) -> Run:
        """Searches, or resumes the search that the folder holds.

        Returns:
            A `Run` with `records`, `finalists`, `best`, `baseline` and `comparison()`.

        Raises:
            SearchError: If the folder holds something else, or no model could be exported.
            SearchFailed: If no trial succeeded.
            OSError: If the folder cannot be written, for instance as the disk is full. Finished
                trials are kept.
        """
        manifest = prepare(self.folder, identity(self.problem), derive(self.problem))
        with locked(self.folder), self.progress:
            self.records.read()
            self.budget.begin()
            self._announce()
            (self.folder / STATE).mkdir(exist_ok=True)
            try:
                return self._run(manifest["derived"])
            except KeyboardInterrupt:
                when = "in" if self.records.finals else "before"
                self.report(f"The search was interrupted {when} its finals.")
                raise

    def _run(self, derived: dict[str, int]) -> Run:
        self._refer()
        notes = []
        if len(self.records.trials) < self.settings.max_trials:
            early = Trials(self, derived, reserve=3 * self.settings.seeds).run()
            if early:
                done = len(self.records.trials)
                notes.append(f"{done} of {self.settings.max_trials} trials: {early}.")
        if not self.records.completed:
            trials = self.records.trials
            reason = trials[0].reason if trials else "there was no time for one"
            raise SearchFailed(f"No trial succeeded, the first because of {reason}")
        if choose(self.records, self.problem.epochs, self.settings.limits):
            finals = Finals(self)
            if not finals.run():
                notes.append("The time budget ended before all finalists had all their seeds.")
            self._serve(finals)
        run = self.report(*notes)
        shutil.rmtree(self.folder / STATE)
        self._conclude(run)
        return run

    def _refer(self) -> None:
        """Fits the references, which take seconds."""
        if not self.records.references:
            self.progress.say("Fitting the references")
            self.records.references = references(self.problem)
            self.records.keep_test_targets(self.problem.data.test.targets)

    def _serve(self, finals: Finals) -> None:
        """Writes the best model's files, unless they are there already and whole."""
        run = Run(self.settings, self.facts, self.records, ())
        if run.best is None or not run.best.finals:
            return
        final = best_final(run.best)
        wanted = {"trial": run.best.trial.number, "seed": final.seed}
        known = self.records.best or {}
        same = {name: known.get(name) for name in wanted} == wanted
        if same and BEST in known["files"] and known["files"] == digests(self.folder):
            return
        written = write_best(self.problem, finals.model_of(final), self.folder)
        self.records.set_best({**wanted, "test": final.test, **written})

    def _announce(self) -> None:
        done, wanted = len(self.records.trials), self.settings.max_trials
        say = self.progress.say
        if not done:
            hp = keras_tuner.HyperParameters()
            self.problem.hypermodel.declare_hyperparameters(hp)
            of = f"{wanted} trials of {space_size(hp):,} configurations"
            say(f"Searching {self.settings.source} in {self.folder}: {of}")
            self.progress.describe(self.facts)
            if not onednn_is_on():
                say(f"oneDNN is off on this processor; {SWITCH}=1 may make trainings faster")
        elif done < wanted:
            say(f"Resuming {self.folder}: {done} of {wanted} trials are finished")
        else:
            say(f"{self.folder}: all {done} trials are finished")

    def _conclude(self, run: Run) -> None:
        say = self.progress.say
        for note in run.notes:
            say(note)
        say()
        self.progress.table(trial_rows(self.records))
        say()
        say((run.folder / SUMMARY).read_text("utf-8").rstrip())
