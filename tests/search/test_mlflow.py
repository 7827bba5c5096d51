"""Trials in MLflow's files: each once, and no trouble there ends a search."""

import pytest
from harness.quick_trials import formula
from harness.small_search import Silence

from keras_hadamard.search import SearchError
from keras_hadamard.search.mlflow_log import EXPERIMENT, FOLDER, STATUS, MLflowLog
from keras_hadamard.search.trainings import FAILED, Trial

mlflow = pytest.importorskip("mlflow")


def trial(number, **fields):
    configuration = {"fusion": "mlb", "fusion_rank": 4, "learning_rate": 0.01}
    task = {"number": number, "configuration": configuration, "seed": number, "epochs": 3}
    curve = {"curve": [0.5, 0.75], "validation_losses": [0.5, 0.25], "losses": [0.75, 0.5]}
    known = {**formula(task), **curve, "score": 0.75, "latency": 1.5, "started": 1e9 + number}
    return Trial(**{**known, "seconds": 2.0, "worker": "here 7", **fields})


@pytest.fixture
def start(tmp_path):
    def begin(folder="run"):
        silence = Silence()
        log = MLflowLog(str(tmp_path / "mlruns"), tmp_path / folder, silence.say)
        return log, silence.said

    return begin


def runs(log):
    found = log.client.search_runs([log.experiment], order_by=["attributes.start_time ASC"])
    assert log.client.get_experiment(log.experiment).name == EXPERIMENT
    return found


def test_a_trial_is_a_run(start, tmp_path):
    log, said = start()
    log.log([trial(1)])
    log.log([trial(1), trial(2, status=FAILED, score=None, latency=None, reason="no memory")])
    first, second = runs(log)
    assert said == []
    assert (first.info.run_name, first.info.status) == ("trial 1", "FINISHED")
    assert first.info.start_time == 1_000_000_001_000 and first.info.end_time == 1_000_000_003_000
    assert first.data.params == {
        "fusion": "mlb",
        "fusion_rank": "4",
        "learning_rate": "0.01",
        "seed": "1",
        "epochs": "3",
    }
    wanted = {"score": 0.75, "value": 0.75, "parameters": 10.0, "latency": 1.5, "seconds": 2.0}
    last = {"validation_accuracy": 0.75, "validation_loss": 0.25, "loss": 0.5}
    assert first.data.metrics == {**wanted, **last}
    history = log.client.get_metric_history(first.info.run_id, "validation_loss")
    assert [(m.step, m.value) for m in history] == [(1, 0.5), (2, 0.25)]
    assert first.data.tags[FOLDER] == str(tmp_path / "run")
    assert first.data.tags[STATUS] == "completed" and first.data.tags["worker"] == "here 7"
    assert (second.info.status, second.data.tags[STATUS]) == ("FAILED", "failed")
    assert second.data.tags["reason"] == "no memory" and "score" not in second.data.metrics


def test_a_search_that_resumes_logs_nothing_twice(start):
    start()[0].log([trial(1), trial(2)])
    log, _ = start()
    # The third was recorded, and the search was killed before it was logged.
    log.log([trial(1), trial(2), trial(3), trial(4)])
    assert [r.info.run_name for r in runs(log)] == [f"trial {n}" for n in (1, 2, 3, 4)]


def test_other_searches_are_others(start):
    start()[0].log([trial(1)])
    log, _ = start("other")
    log.log([trial(1)])
    # The folder was emptied and used again.
    again, _ = start()
    again.log([trial(1, started=2e9)])
    assert len(runs(log)) == 3


def test_a_run_that_was_cut_off_is_ended(start, monkeypatch):
    log, said = start()
    with monkeypatch.context() as patch:
        patch.setattr(log.client, "set_terminated", None)
        log.log([trial(1)])
    assert len(said) == 1 and runs(log)[0].info.status == "RUNNING"
    again, said = start()
    again.log([trial(1)])
    assert said == [] and [r.info.status for r in runs(again)] == ["FINISHED"]


def test_what_could_not_be_logged_is_said_and_logged_later(start, monkeypatch):
    log, said = start()

    def full(*arguments, **fields):
        raise OSError(28, "No space left")

    with monkeypatch.context() as patch:
        patch.setattr(log.client, "log_batch", full)
        log.log([trial(1)])
    assert said == ["Trial 1 could not be logged to MLflow: OSError: [Errno 28] No space left"]
    log.log([trial(1), trial(2)])
    assert len(said) == 1
    assert [r.info.status for r in runs(log)] == ["FINISHED"] * 2


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "gopher://example"])
def test_an_address_that_cannot_be_used(tmp_path, address):
    with pytest.raises(SearchError, match=f"MLflow cannot be used at {address}"):
        MLflowLog(address, tmp_path, print)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "mlruns").write_text("mine")
    with pytest.raises(SearchError, match="MLflow cannot be used at"):
        MLflowLog(str(tmp_path / "mlruns"), tmp_path, print)
    assert (tmp_path / "mlruns").read_text() == "mine"
