"""KerasTuner's algorithms with one trial at a time and with several, and after restarts."""

import json

import numpy as np
import pytest
from harness.quick_trials import FUSIONS, GATES
from harness.small_search import FormulaRunner, run_trials, small_search

from keras_hadamard.search import trials as module
from keras_hadamard.search.oracles import make_oracle
from keras_hadamard.search.settings import ALGORITHMS

# A Gaussian process takes its time.
NUMBERS = {"random": 12, "bayesian": 5, "hyperband": 30, "grid": 12}
STOPS = {"random": (1, 5), "bayesian": (4,), "hyperband": (1, 5), "grid": (1, 5)}


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Runs trials by a formula; returns their records and the runner."""

    def run(name, algorithm, runner=None, **settings):
        runner = runner or FormulaRunner()
        monkeypatch.setattr(module, "runner_of", lambda search: runner)
        settings = {"max_trials": NUMBERS[algorithm], "epochs": 9, **settings}
        search = small_search(tmp_path / name, algorithm=algorithm, **settings)
        return run_trials(search), runner

    return run


def asked(trials):
    return [(t.number, t.configuration, t.seed, t.epochs) for t in trials]


def interrupted(go, name, algorithm, *runners, **settings):
    """Runs until each runner but the last stops; returns the records at the end."""
    for runner in runners[:-1]:
        with pytest.raises(KeyboardInterrupt):
            go(name, algorithm, runner, **settings)
    return go(name, algorithm, runners[-1], **settings)[0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_seed_makes_one_search(go, algorithm):
    first, _ = go("first", algorithm)
    second, _ = go("second", algorithm)
    other, _ = go("other", algorithm, seed=1)
    assert asked(first) == asked(second)
    assert (asked(first) == asked(other)) is False
    assert first[0].configuration["fusion"] == "concat" and first[0].epochs == 9


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_restart_comes_to_the_same_trials(go, algorithm):
    whole, _ = go("whole", algorithm)
    for stop in STOPS[algorithm]:
        runners = FormulaRunner(stop=1), FormulaRunner(stop=stop - 1), FormulaRunner()
        again = interrupted(go, f"stopped {stop}", algorithm, *runners)
        assert asked(again) == asked(whole)
        ran = [n for runner in runners for n in runner.ran]
        assert sorted(ran) == list(range(1, NUMBERS[algorithm] + 1))


@pytest.mark.parametrize(
    ("algorithm", "seed"),
    [("bayesian", 0), *((a, s) for a in ("random", "hyperband", "grid") for s in range(3))],
)
def test_several_at_a_time_end_with_all_trials_once(go, algorithm, seed):
    stops = [
        FormulaRunner(4, seed, stop=3 if algorithm == "bayesian" else 6),
        FormulaRunner(3, seed + 10, stop=1),
        FormulaRunner(4, seed + 20),
    ]
    trials = interrupted(go, "run", algorithm, *stops)
    assert [t.number for t in trials] == list(range(1, NUMBERS[algorithm] + 1))
    assert sorted(n for r in stops for n in r.ran) == [t.number for t in trials]
    assert stops[0].most == min(4, NUMBERS[algorithm] - 1)
    kinds = [json.dumps([t.configuration, t.epochs], sort_keys=True) for t in trials]
    assert len(set(kinds)) == len(trials)


def test_the_first_trial_runs_alone(go):
    class Watched(FormulaRunner):
        together = None

        def start(self, task):
            super().start(task)
            if self.together is None and self.ran:
                self.together = list(self.ran)
            assert self.ran or len(self.running) == 1

    _, runner = go("run", "random", Watched(4))
    assert runner.together == [1]


def rounds(trials):
    """How many trials there are of each number of epochs, the baseline apart."""
    epochs = [t.epochs for t in trials[1:]]
    return {e: epochs.count(e) for e in sorted(set(epochs))}


@pytest.mark.parametrize("workers", [1, 4])
def test_a_bracket_of_hyperband_ends_before_the_next_begins(go, workers):
    # Nine epochs and a factor of three: 9 trials of one epoch, 3 of three, 1 of nine; then 5 and 2.
    trials, _ = go("run", "hyperband", FormulaRunner(workers), max_trials=14)
    assert rounds(trials) == {1: 9, 3: 3, 9: 1}
    # Each went on from one that was trained for less.
    known = [t.configuration for t in trials if t.epochs == 1]
    assert all(t.configuration in known for t in trials[1:])
    best = max(trials[1:10], key=lambda t: t.value)
    assert best.configuration == trials[-1].configuration or workers > 1


@pytest.mark.parametrize("seed", range(4))
def test_brackets_of_hyperband_survive_restarts_with_several_workers(go, seed):
    stops = [FormulaRunner(3, seed + i, stop=s) for i, s in enumerate((4, 3, 5, 2))]
    trials = interrupted(go, "run", "hyperband", *stops, FormulaRunner(3, seed), max_trials=21)
    # Of the second bracket 5 begin with three epochs, and there is room for two to end.
    found = rounds(trials)
    assert found[1] == 9 and found[3] == 3 + 5 and found[9] == 1 + 2


@pytest.mark.parametrize("workers", [1, 3])
def test_a_grid_is_whole(go, workers):
    size = len(FUSIONS) * len(GATES)
    trials, runner = go("run", "grid", FormulaRunner(workers), max_trials=size + 5)
    kinds = {(t.configuration["fusion"], t.configuration["gating"]) for t in trials}
    assert len(trials) == len(kinds) == size
    assert runner.most == workers


def test_failed_trials_do_not_end_a_search(go):
    runner = FormulaRunner(3)
    runner.fails = lambda task: task["number"] > 2
    trials, _ = go("run", "random", runner)
    assert [t.completed for t in trials] == [True] * 2 + [False] * 10


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bayesian_guesses_of_running_trials_know_the_scores(tmp_path):
    """KerasTuner's own first guess is 1, wherever the scores are."""
    search = small_search(tmp_path / "run", algorithm="bayesian", max_trials=20)
    oracle = make_oracle(search.problem, {"initial_points": 3}, [])
    oracle.verbose = 0
    oracle._set_project_dir(tmp_path, "tuner")
    begun = [oracle.create_trial(f"trial {i}") for i in range(6)]
    for i, trial in enumerate(begun[:4]):
        oracle.update_trial(trial.trial_id, {"value": -1000.0 - i})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    x, y = oracle._vectorize_trials()
    assert x.shape[0] == 6 and np.all(y[:4] == [1000.0, 1001.0, 1002.0, 1003.0])
    assert np.all((y[4:] > 995) & (y[4:] < 1010))
