import csv
import errno
import json
import math

import pytest

from keras_hadamard import search
from keras_hadamard._core import files
from keras_hadamard.search import export, settings
from keras_hadamard.search.files import drafted
from keras_hadamard.search.oracles import hyperband_factor
from keras_hadamard.tuning._fusions import fusion_options
from keras_hadamard.tuning.gating_space import gates

BASELINE = {
    "fusion": "concat",
    "fusion_input_dropout": 0.0,
    "gating": "dense",
    "learning_rate": 2e-3,
}


FUSIONS, GATES = fusion_options(), gates("vector")


def stored(folder):
    return json.loads((folder / "trials.json").read_text())


@pytest.mark.parametrize("algorithm", settings.ALGORITHMS)
def test_every_algorithm_begins_with_the_baseline_and_keeps_to_its_trials(go, formula, algorithm):
    run, printed = go(algorithm=algorithm, max_trials=12, epochs=9)
    assert len(run.records.trials) == 12
    first = run.records.trials[0]
    assert (first.configuration["fusion"], first.configuration["gating"]) == ("concat", "dense")
    assert first.epochs == 9
    if algorithm != "grid":
        names = {p for t in run.records.trials for p in t.configuration}
        assert "fusion_rank" in names
    if algorithm != "hyperband":  # which trains the same configuration again for longer
        seen = [json.dumps(t.configuration, sort_keys=True) for t in run.records.trials]
        assert len(set(seen)) == 12
    assert "trial 12/12" in printed


def test_the_baseline_has_every_default(go, formula):
    run, _ = go(max_trials=1)
    assert {**run.records.trials[0].configuration} == BASELINE


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", settings.ALGORITHMS)
def test_interrupted_searches_end_as_if_they_had_not_been(go, formula, tmp_path, algorithm):
    whole, _ = go(algorithm=algorithm, max_trials=8, out=tmp_path / "whole")
    # A Gaussian process takes its time.
    for stop in (1, 6) if algorithm == "bayesian" else (0, 1, 4, 7, 9, 12):
        formula.ran, formula.stop_at = [], stop
        folder = tmp_path / f"stopped {stop}"
        with pytest.raises(KeyboardInterrupt):
            go(algorithm=algorithm, max_trials=8, out=folder)
        finished = stored(folder)["trials"] if stop else []
        assert len(finished) == min(stop, 8)
        formula.stop_at = None
        run, printed = go(algorithm=algorithm, max_trials=8, out=folder)
        assert [t.configuration for t in run.records.trials] == [
            t.configuration for t in whole.records.trials
        ]
        assert stored(folder)["trials"][: len(finished)] == finished
        # Nothing was trained twice: eight trials and the finalists' three seeds each.
        assert len(formula.ran) == 8 + 3 * len(run.finalists)
        if 0 < stop < 8:
            assert f"Resuming {folder}: {stop} of 8 trials are finished" in printed


def test_more_trials_continue_a_finished_search(go, formula):
    go(max_trials=3)
    formula.ran = []
    run, printed = go(max_trials=5)
    assert "3 of 5 trials are finished" in printed
    assert len(run.records.trials) == 5
    assert [seed for _, seed, _ in formula.ran][:2] == [4, 5]


def test_a_finished_search_trains_nothing_and_writes_its_reports_again(go, formula, tmp_path):
    go()
    formula.ran = []
    for name in ("report.html", "summary.txt", "trials.csv"):
        (tmp_path / "run" / name).unlink()
    _, printed = go()
    assert formula.ran == []
    assert "all 6 trials are finished" in printed
    for name in ("report.html", "summary.txt", "trials.csv"):
        assert (tmp_path / "run" / name).stat().st_size > 0


def test_only_active_hyperparameters_are_recorded(go, formula, tmp_path):
    run, _ = go(max_trials=12)
    for trial in run.records.trials:
        kind = trial.configuration["fusion"]
        gate = trial.configuration["gating"]
        wanted = {f"fusion_{name}" for name in FUSIONS.options[kind].uses}
        wanted |= {f"gating_{name}" for name in GATES.options[gate].uses}
        assert set(trial.configuration) == wanted | {"fusion", "gating", "learning_rate"}
    rows = list(csv.DictReader((tmp_path / "run" / "trials.csv").read_text().splitlines()))
    assert rows[0]["fusion_rank"] == "" and rows[0]["fusion_input_dropout"] == "0.0"
    assert [int(row["trial"]) for row in rows] == list(range(1, 13))
    assert {"score", "parameters", "seconds", "status", "reason"} <= set(rows[0])


def test_failed_trials_are_recorded_and_the_search_goes_on(go, formula, tmp_path):
    formula.fail = lambda c: None if c["fusion"] == "concat" else "ResourceExhaustedError: memory"
    run, printed = go(max_trials=10)
    assert len(run.records.trials) == 10
    failed = [t for t in run.records.trials if not t.completed]
    assert failed and all(t.reason == "ResourceExhaustedError: memory" for t in failed)
    assert "failed: ResourceExhaustedError" in printed
    assert f"{len(failed)} failed" in (tmp_path / "run" / "summary.txt").read_text()
    go(max_trials=10)


def test_a_failed_baseline_is_said_and_does_not_end_the_search(go, formula):
    formula.fail = lambda c: "bad" if c == BASELINE else None
    run, printed = go()
    assert run.comparison() is None
    assert "baseline has no test result" in " ".join(printed.split())


def test_a_search_without_a_single_success_says_why(go, formula):
    formula.fail = lambda c: "ValueError: no good"
    with pytest.raises(search.SearchFailed, match="no good"):
        go(max_trials=5)


def test_finalists_get_three_fresh_seeds_each_and_share_them(go, formula):
    run, _ = go(max_trials=30)
    assert len(run.finalists) == 3
    seeds = [sorted(f.seed for f in finalist.finals) for finalist in run.finalists]
    assert seeds[0] == seeds[1] == seeds[2] and len(set(seeds[0])) == 3
    assert not set(seeds[0]) & {t.seed for t in run.records.trials}
    assert sum(run.is_baseline(f) for f in run.finalists) == 1


def test_a_finalist_is_not_chosen_by_its_test_accuracy(go, formula):
    formula.test = lambda c, seed: 1.3 - formula.score(c, seed)
    run, _ = go(max_trials=12)
    scores = [f.value for f in run.finalists]
    assert scores == sorted(scores, reverse=True)
    assert run.best.tests < run.baseline.tests


def test_a_budget_ends_the_search_early_and_keeps_time_for_finalists(go, formula, monkeypatch):
    from keras_hadamard.search import budget

    clock = iter(range(10**6))
    monkeypatch.setattr(budget.time, "monotonic", lambda: float(next(clock)))
    run, printed = go(max_trials=100, budget=60.0)
    assert 1 < len(run.records.trials) < 60
    assert "the time budget was used up" in printed
    assert run.best.tests


def test_the_smallest_budget_still_has_a_baseline(go, formula):
    run, printed = go(max_trials=5, budget=0.001)
    assert len(run.records.trials) == 1
    assert "one training of each" in printed or "Nothing that was tried" in printed
    assert "before all finalists had all their seeds" in printed


def test_a_grid_that_is_exhausted_says_so(go, formula):
    run, printed = go(algorithm="grid", spaces=("fusion",), max_trials=50)
    assert len(run.records.trials) == len(FUSIONS.options)
    assert {t.configuration["fusion"] for t in run.records.trials} == set(FUSIONS.options)
    assert "no further configurations" in printed


def test_a_short_grid_visits_every_fusion(go, formula):
    run, _ = go(algorithm="grid", max_trials=len(FUSIONS.options))
    assert {t.configuration["fusion"] for t in run.records.trials} == set(FUSIONS.options)


@pytest.mark.parametrize("epochs", [2, 5, 12, 30])
@pytest.mark.parametrize("trials", [2, 6, 12, 40])
def test_hyperbands_first_bracket_fits_into_the_trials(trials, epochs):
    import keras_tuner

    factor = hyperband_factor(trials, epochs)
    oracle = keras_tuner.oracles.HyperbandOracle(max_epochs=epochs, factor=max(2, factor))
    bracket = oracle._brackets[0]
    sizes = [oracle._get_size(bracket["bracket_num"], i) for i in range(len(bracket["rounds"]))]
    assert sum(sizes) < trials or len(sizes) == 1


def test_hyperband_trains_someone_to_the_end(go, formula):
    run, _ = go(algorithm="hyperband", max_trials=12, epochs=12)
    epochs = {t.epochs for t in run.records.trials[1:]}
    assert min(epochs) < 12 and max(epochs) == 12
    assert all(f.trial.epochs == 12 for f in run.finalists)


@pytest.mark.parametrize("other", [{"seed": 1}, {"algorithm": "grid"}, {"epochs": 3}])
def test_a_folder_with_another_search_is_refused(go, formula, tmp_path, other):
    go(max_trials=2)
    before = {p: p.read_bytes() for p in (tmp_path / "run").iterdir() if p.is_file()}
    with pytest.raises(search.SearchError, match=f"another search .*{next(iter(other))}"):
        go(max_trials=2, **other)
    assert {p: p.read_bytes() for p in (tmp_path / "run").iterdir() if p.is_file()} == before


def test_a_folder_with_other_data_is_refused(go, formula, npz):
    import numpy as np

    go(max_trials=2)
    arrays = dict(np.load(npz))
    np.savez(npz, **{**arrays, "train_a": 2 * arrays["train_a"] ** 2})
    with pytest.raises(search.SearchError, match="another search"):
        go(max_trials=2)


def test_foreign_folders_and_files_are_refused(go, formula, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(search.SearchError, match="not empty"):
        go()
    assert [p.name for p in folder.iterdir()] == ["thesis.tex"]
    with pytest.raises(search.SearchError, match="is a file"):
        go(out=folder / "thesis.tex")
    assert (folder / "thesis.tex").read_text() == "mine"


def test_a_broken_record_is_refused_and_kept(go, formula, tmp_path):
    go(max_trials=2)
    (tmp_path / "run" / "trials.json").write_text('{"trials": [')
    with pytest.raises(search.SearchError, match="not a record"):
        go(max_trials=2)
    assert (tmp_path / "run" / "trials.json").read_text() == '{"trials": ['


def test_one_search_at_a_time(go, formula, tmp_path):
    from keras_hadamard.search.run_folder import locked

    go(max_trials=2)
    with locked(tmp_path / "run"), pytest.raises(search.SearchError, match="Another search is"):
        go(max_trials=2)
    go(max_trials=2)


def test_a_full_disk_keeps_what_was_finished(go, formula, tmp_path, monkeypatch):
    replace, calls = files.os.replace, []

    def full(source, target):
        calls.append(target)
        if len(calls) > 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        go()
    finished = len(stored(tmp_path / "run")["trials"])
    assert finished > 0
    monkeypatch.setattr(files.os, "replace", replace)
    run, printed = go()
    assert f"Resuming {tmp_path / 'run'}: {finished} of 6" in printed
    assert len(run.records.trials) == 6


def test_the_folder_holds_results_and_nothing_else(go, formula, tmp_path):
    go()
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert names == {
        "run.json",
        "trials.csv",
        "trials.json",
        "report.html",
        "summary.txt",
        "best.keras",
        "predictions",
        "serving",
    }


def test_remaining_time_and_best_are_shown(go, formula):
    _, printed = go()
    lines = [line for line in printed.splitlines() if line.startswith("trial 3/6")]
    assert len(lines) == 1
    for part in ("fusion=", "best 0.", "elapsed", "left"):
        assert part in lines[0]
    assert math.isclose(float(printed.split("best ")[1].split()[0]), 0.5, abs_tol=0.02)


def test_one_input_has_no_fusion_to_search(go, formula, npz):
    import numpy as np

    arrays = dict(np.load(npz))
    np.savez(npz, **{name: array for name, array in arrays.items() if not name.endswith("_b")})
    run, _ = go(max_trials=3)
    assert all("fusion" not in t.configuration for t in run.records.trials)
    with pytest.raises(search.SearchError, match="one input"):
        go(spaces=("fusion",))


@pytest.mark.parametrize(
    "wrong",
    [
        {"algorithm": "annealing"},
        {"spaces": ("pooling",)},
        {"spaces": ()},
        {"max_trials": 0},
        {"max_trials": -3},
        {"epochs": 0},
        {"batch_size": 0},
        {"seeds": 2},
        {"seed": -1},
        {"budget": 0.0},
    ],
)
def test_wrong_settings(wrong):
    with pytest.raises(search.SearchError, match="Received"):
        search.SearchSettings("digits_vqa", **wrong)


def test_neighbouring_seeds_search_other_trials(go, formula, tmp_path):
    found = []
    for seed in range(4):
        run, _ = go(seed=seed, out=tmp_path / str(seed))
        found.append({json.dumps(t.configuration) for t in run.records.trials[1:]})
    common = [len(a & b) for i, a in enumerate(found) for b in found[:i]]
    assert max(common) <= 1


def test_the_size_of_the_space_is_said(go, formula):
    assert "2 trials of 40,824 configurations" in go(max_trials=2)[1]


def test_an_interrupted_search_says_so_in_its_reports(go, formula, tmp_path):
    formula.stop_at = 4
    with pytest.raises(KeyboardInterrupt):
        go()
    for name in ("summary.txt", "report.html"):
        text = (tmp_path / "run" / name).read_text("utf-8")
        assert "interrupted before its finals" in text
    formula.stop_at = len(formula.ran) + 3
    with pytest.raises(KeyboardInterrupt):
        go()
    assert "interrupted in its finals" in (tmp_path / "run" / "summary.txt").read_text("utf-8")
    formula.stop_at = None
    go()
    assert "was interrupted" not in (tmp_path / "run" / "summary.txt").read_text("utf-8")


def test_reports_are_there_after_the_first_trial(go, formula, tmp_path):
    formula.stop_at = 2
    seen = []
    formula.latency = lambda c: seen.append((tmp_path / "run" / "report.html").exists())
    with pytest.raises(KeyboardInterrupt):
        go()
    assert seen == [False, True]


@pytest.mark.parametrize("name", ["best.keras", "serving/1/saved_model.pb"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_model_is_noticed_when_the_search_is_run_again(
    go, formula, tmp_path, name, damage
):
    folder = tmp_path / "run"
    go(max_trials=2)
    (folder / "serving" / "1" / "saved_model.pb").write_bytes(b"model")
    records = stored(folder)
    records["best"]["files"] = export.digests(folder)
    (folder / "trials.json").write_text(json.dumps(records))
    path = folder / name
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-1])
    formula.ran = []
    go(max_trials=2)
    assert (folder / "best.keras").read_text().startswith("{") and len(formula.ran) == 1
    formula.ran = []
    go(max_trials=2)
    assert formula.ran == []


@pytest.mark.parametrize("name", ["trials.json", "run.json"])
def test_files_of_another_format_are_refused(go, formula, tmp_path, name):
    go(max_trials=2)
    path = tmp_path / "run" / name
    before = path.read_text().replace('"format": 2', '"format": 99')
    path.write_text(before)
    with pytest.raises(search.SearchError, match="its format is 99 and not 2"):
        go(max_trials=2)
    assert path.read_text() == before


def test_a_full_disk_leaves_no_draft(tmp_path):
    with pytest.raises(OSError, match="full"), drafted(tmp_path / "best.keras") as draft:
        draft.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "full")
    assert list(tmp_path.iterdir()) == []


def test_each_training_gets_copies_of_the_callbacks(problem):
    import keras

    class Counts(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            assert {"loss", "val_loss", "val_score"} <= set(logs)
            self.epochs += 1
            print("epoch", self.epochs)

    from keras_hadamard.search.training import train

    counts = Counts()
    for _ in range(2):
        train(
            problem(batch_size=16),
            BASELINE,
            seed=1,
            epochs=2,
            on_epoch=lambda epoch, best: None,
            limits={},
            callbacks=[counts],
        )
    assert counts.epochs == 0
