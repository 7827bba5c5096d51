"""A search in real processes that talk over loopback, some of which are killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from keras_hadamard.search.chief import _same, connected

from keras_hadamard import tuning

pytestmark = pytest.mark.slow
PATIENCE = 400


def recorded(folder):
    path = folder / "trials.json"
    return json.loads(path.read_text())["trials"] if path.exists() else []


def wait_for(condition, process):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


@pytest.fixture
def start(npz, tmp_path):
    processes = []

    def run(*arguments, **how):
        line = [sys.executable, "-m", "keras_hadamard.cli", "search", str(npz), *arguments]
        process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True, **how
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_workers_and_the_chief_may_be_killed(start, address, tmp_path):
    folder = tmp_path / "run"
    order = ["--out", "run", "--max-trials", "5", "--epochs", "1", "--seed", "3"]
    order += ["--chief", address, "--lease", "4"]
    chief = start(*order)
    workers = [start("--worker", address) for _ in range(2)]
    wait_for(lambda: len(recorded(folder)) >= 1, chief)
    workers[0].kill()  # in the middle of its next trial
    wait_for(lambda: len(recorded(folder)) >= 2, chief)
    chief.kill()
    before = recorded(folder)
    chief.communicate()
    chief = start(*order)
    printed, errors = chief.communicate(timeout=PATIENCE)
    assert chief.returncode == 0, errors
    assert f"Continuing run: {len(before)} of 5 trials are finished" in printed
    after = recorded(folder)
    assert [t["number"] for t in after] == [1, 2, 3, 4, 5]
    kept = {t["number"]: t for t in after}
    assert all(kept[t["number"]] == t for t in before)
    assert all(t["status"] == "completed" for t in after)
    # The worker that was left outlived a chief, and ends with the search.
    assert workers[1].wait(timeout=60) == 0


ONE_TRIAL = """
import sys
from keras_hadamard.tuning import SearchSettings
from keras_hadamard.search.chief import work

print(work(sys.argv[1], SearchSettings(sys.argv[2]), most=1))
"""


def ignoring_interrupts():
    """What a shell's script does with what it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_a_chief_ends_though_its_last_worker_went_without_a_word(start, address, npz, tmp_path):
    order = ["--out", "run", "--max-trials", "1", "--epochs", "1", "--chief", address]
    chief = start(*order, preexec_fn=ignoring_interrupts)
    chief.send_signal(signal.SIGINT)
    line = [sys.executable, "-c", ONE_TRIAL, address, str(npz)]
    worker = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE)
    assert worker.stdout == "False\n", worker.stderr
    _, errors = chief.communicate(timeout=PATIENCE)
    assert chief.returncode == 0, errors
    assert (tmp_path / "run" / "report.html").exists()


def test_local_workers_are_renewed_and_end_with_their_chief(npz, tmp_path, monkeypatch):
    from keras_hadamard.tuning import local_workers

    started = []

    class Process(subprocess.Popen):
        def __init__(self, *arguments, **kwargs):
            started.append(self)
            super().__init__(*arguments, **kwargs)

    monkeypatch.setattr(local_workers.subprocess, "Popen", Process)
    monkeypatch.setattr(
        local_workers, "CODE", local_workers.CODE.replace("child()", "child(most=1)")
    )
    settings = tuning.SearchSettings(
        str(npz), out=tmp_path / "run", max_trials=3, epochs=1, workers=1
    )
    # The first one is killed as soon as it has something to do.
    threading.Thread(target=lambda: (time.sleep(3), started[0].kill()), daemon=True).start()
    run = tuning.search(settings)
    assert [t.completed for t in run.records.trials] == [True] * 3
    assert len(started) >= 4
    assert all(process.poll() is not None for process in started)
    assert not [v for v in os.environ if v.startswith("KERASTUNER_")]


def test_workers_that_cannot_start_end_the_search_with_their_reason(npz, tmp_path, monkeypatch):
    from keras_hadamard.tuning import local_workers

    monkeypatch.setattr(local_workers, "CODE", "raise ImportError('no such luck')")
    settings = tuning.SearchSettings(str(npz), out=tmp_path / "run", max_trials=2, workers=1)
    with pytest.raises(tuning.SearchError, match="ImportError: no such luck"):
        tuning.search(settings)


def test_an_address_that_cannot_be_served(npz, tmp_path):
    settings = tuning.SearchSettings(
        str(npz), out=tmp_path / "run", max_trials=2, chief="203.0.113.1:80"
    )
    with pytest.raises(tuning.SearchError, match=r"203\.0\.113\.1:80"):
        tuning.search(settings)


def test_another_data_set_is_refused():
    search = {"dataset": "digits_vqa", "data": "a", "version": "1"}
    _same(search, {"data": "a", "version": "1"})
    with pytest.raises(tuning.SearchError, match="another data"):
        _same(search, {"data": "b", "version": "1"})


def test_a_worker_is_no_chief_and_leaves_no_variables(address):
    with connected(address, "worker 1") as client:
        assert type(client).__name__ == "OracleClient"
    assert not [v for v in os.environ if v.startswith("KERASTUNER_")]
