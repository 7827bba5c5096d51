"""What a trial may cost: what is refused is not trained, what takes too long ends early."""

import numpy as np
import pytest

from keras_hadamard import search
from keras_hadamard.cli import main
from keras_hadamard.search import training
from keras_hadamard.search.limits import exceeded

PLAIN = {"fusion": "concat", "gating": "dense", "learning_rate": 1e-3}


def trained(problem, monkeypatch, limits, epochs=2, fit=None):
    problem = problem(batch_size=4)
    if fit is not None:
        build = problem.hypermodel.build

        def patched(hp):
            model = build(hp)
            monkeypatch.setattr(model, "fit", fit)
            return model

        monkeypatch.setattr(problem.hypermodel, "build", patched)
    return training.train(
        problem,
        PLAIN,
        seed=1,
        epochs=epochs,
        on_epoch=lambda epoch, best: None,
        limits=limits,
    )


def never(*args, **kwargs):
    raise AssertionError("it was trained")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_parameters": 100}, "parameters, more than 100"),
        ({"max_latency_ms": 1e-6}, " ms, more than 1e-06"),
        ({"max_macs": 100}, "multiplications, more than 100"),
        ({"max_exported_mb": 1e-3}, " MB, more than 0.001"),
    ],
)
def test_what_is_beyond_a_limit_is_not_trained(problem, monkeypatch, limits, reason):
    outcome = trained(problem, monkeypatch, limits, fit=never)
    assert outcome.result["status"] == "refused" and reason in outcome.result["reason"]
    assert outcome.result["parameters"] > 100 and outcome.result["score"] is None
    assert outcome.model is None


def test_a_training_ends_in_the_middle_of_an_epoch_when_its_time_is_up(problem, monkeypatch):
    outcome = trained(problem, monkeypatch, {"max_trial_seconds": 1e-9}, epochs=50)
    result = outcome.result
    assert result["status"] == "completed" and result["reason"].endswith("used up in epoch 1")
    assert len(result["curve"]) == 1 and outcome.model is not None


def test_a_limit_itself_is_allowed():
    limits = {"max_parameters": 10, "max_latency_ms": 2.0}
    assert exceeded(limits, parameters=10, latency=2.0) is None
    assert exceeded({}, parameters=10**9, latency=10.0) is None
    assert "11 parameters" in exceeded(limits, parameters=11, latency=1.0)
    assert "2.5 ms, more than 2" in exceeded(limits, parameters=9, latency=2.5)


def test_refused_trials_are_told_apart_and_are_no_finalists(go, formula, tmp_path):
    formula.refuse = lambda c: "9 parameters, more than 5" if c["fusion"] != "mlb" else None
    run, printed = go(max_trials=20, max_parameters=2000)
    refused = [t for t in run.records.trials if t.status == "refused"]
    assert refused and run.best.trial.configuration["fusion"] in ("mlb", "concat")
    summary = (tmp_path / "run" / "summary.txt").read_text()
    assert f"20 of 20, 0 failed, {len(refused)} beyond a limit and not trained" in summary
    assert "refused: 9 parameters, more than 5" in printed
    assert "9 parameters, more than 5" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_the_baseline_is_trained_beyond_a_limit_but_is_not_the_best(go, formula, monkeypatch):
    size = {"concat": 1001}
    whole = type(formula).__call__

    def sized(self, problem, configuration, **kwargs):
        outcome = whole(self, problem, configuration, **kwargs)
        outcome.result["parameters"] = size.get(configuration["fusion"], 900)
        return outcome

    monkeypatch.setattr(type(formula), "__call__", sized)
    formula.scores = {"concat": 0.9}
    run, printed = go(max_trials=6, max_parameters=1000)
    assert run.records.trials[0].completed and not run.is_baseline(run.best)
    assert run.is_baseline(run.finalists[-1])
    assert "1,001 parameters, more than 1,000" in printed


def test_a_limit_that_nothing_keeps_leaves_no_best(go, formula, tmp_path):
    formula.refuse = lambda c: None if c["fusion"] == "concat" else "more than 999 parameters"
    run, printed = go(max_trials=6, max_parameters=999)
    assert run.best is None and run.finalists == [] and not run.records.finals
    assert run.nearest.number == 1
    assert not (tmp_path / "run" / "best.keras").exists()
    assert not (tmp_path / "run" / "serving").exists()
    summary = (tmp_path / "run" / "summary.txt").read_text("utf-8")
    assert "1,000 parameters, more than 999" in summary and summary.strip() in printed


def test_a_limit_that_nothing_keeps_is_an_exit_code_of_its_own(npz, formula, tmp_path, capsys):
    line = ["search", str(npz), "--out", str(tmp_path / "run"), "--max-trials", "2"]
    assert main([*line, "--max-parameters", "999"]) == 3


def test_a_folder_keeps_its_limits(go, formula):
    go(max_trials=2)
    with pytest.raises(search.SearchError, match=r"another search .*max_parameters"):
        go(max_trials=2, max_parameters=999)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_parameters": 0},
        {"max_latency_ms": -1.0},
        {"max_trial_seconds": 0},
        {"workers": -1},
        {"trial_resources": {"cpu": -1}},
        {"trial_resources": {"tpu": 1}},
    ],
)
def test_wrong_limits(wrong):
    with pytest.raises(search.SearchError, match="Received"):
        search.SearchSettings("digits_vqa", **wrong)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-parameters", "0"), ("--max-trial-seconds", "soon"), ("--trial-resources", "tpu=1")],
)
def test_wrong_options(option, value, capsys):
    assert main(["search", "digits_vqa", option, value]) == 2
    assert "Received" in capsys.readouterr().err


def test_memory_that_does_not_suffice_fails_the_trial_with_its_reason(problem, monkeypatch):
    def full(*args, **kwargs):
        raise MemoryError("cannot allocate 40 GiB")

    outcome = trained(problem, monkeypatch, {}, fit=full)
    assert outcome.result["reason"] == "MemoryError: cannot allocate 40 GiB"
    assert np.isfinite(outcome.result["seconds"])


def test_the_pareto_front_by_costs_of_ones_choice(go, formula):
    cost = {"concat": 3.0, "sum": 1.0, "hadamard": 2.0, "mlb": 4.0, "mfb": 5.0}
    formula.latency = lambda c: cost.get(c["fusion"], 9.0)
    run, _ = go(max_trials=30)
    front = run.pareto("latency")
    scores, times = [t.score for t in front], [t.latency for t in front]
    assert scores == sorted(scores) and times == sorted(times) and len(front) > 1
    for trial in run.records.completed:
        assert any(f.score >= trial.score and f.latency <= trial.latency for f in front)
    # All have as many parameters, so that one is left.
    assert len(run.pareto("parameters")) == 1
    assert run.pareto("macs") == []


def test_costs_are_weighed_against_the_score(go, formula):
    run, printed = go(max_trials=12, weights={"parameters": 0.01})
    trial = run.records.completed[0]
    assert np.isclose(trial.value, trial.score - 0.01 * np.log2(1000))
    assert np.isclose(run.best.finals[0].value, run.best.finals[0].score - 0.01 * np.log2(1000))
    assert ", less 0.01 for each doubling of the parameters. The two best" in printed
    assert " beyond a limit" not in printed
    with pytest.raises(search.SearchError, match=r"another search .*weights"):
        go(max_trials=12)


def test_what_is_weighed_is_measured(problem, monkeypatch):
    settings = search.SearchSettings("tiny", weights={"macs": 0.1, "exported": 0.1})
    assert settings.limits == {"max_macs": None, "max_exported_mb": None}
    result = trained(problem, monkeypatch, settings.limits, epochs=1).result
    assert result["status"] == "completed" and result["macs"] > 0 and result["exported"] > 0.001


@pytest.mark.parametrize("weights", [{"latency": 0.1}, {"macs": -1.0}, {"macs": True}])
def test_wrong_weights(weights):
    with pytest.raises(search.SearchError, match="weights of"):
        search.SearchSettings("digits_vqa", weights=weights)
