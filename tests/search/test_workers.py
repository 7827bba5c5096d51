"""Trials on processes of this machine: what they return, and that any of them may be killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from harness.quick_trials import begun
from harness.small_search import EndsIfKnown, small_search

from keras_hadamard.layers.registry import register_fusion
from keras_hadamard.search import SearchError, remote
from keras_hadamard.search.records import Records
from keras_hadamard.search.runner_of import runner_of
from keras_hadamard.search.runners import LocalRunner

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning"),
]
TESTS = Path(__file__).parents[1]
TASK = {
    "number": 2,
    "configuration": {"fusion": "sum", "gating": "dense", "learning_rate": 0.01},
    "seed": 3,
    "epochs": 3,
    "medians": None,
}


def ran(runner):
    with runner:
        runner.start(TASK)
        return runner.wait()


def test_a_worker_returns_what_a_training_here_does(tmp_path, capfd):
    # What a user registered goes with the problem, and callbacks go with the trial.
    register_fusion("by_the_way", keras.layers.Add)
    callbacks = (EndsIfKnown("by_the_way"),)
    here = ran(LocalRunner(small_search(tmp_path / "here", callbacks=callbacks)))
    assert len(here.curve) == 2
    resources = {"workers": 1, "trial_resources": {"cpu": 1}}
    search = small_search(tmp_path / "there", callbacks=callbacks, **resources)
    capfd.readouterr()
    there = ran(runner_of(search))
    out, _ = capfd.readouterr()
    assert out == ""
    assert there.completed and there.curve == pytest.approx(here.curve, abs=1e-5)
    for name in ("losses", "validation_losses"):
        np.testing.assert_allclose(getattr(there, name), getattr(here, name), rtol=1e-5)
    times = ("seconds", "latency", "started", "worker", "losses", "validation_losses", "curve")
    same = dict.fromkeys(times, 0.0) | {"score": round(here.score, 5)}
    assert replace(there, **same) == replace(here, **same)
    node, process = there.worker.split()
    assert node == os.uname().nodename and int(process) != os.getpid() and here.worker == ""
    assert there.latency > 0 and there.started > here.started


def test_another_version_is_refused():
    with pytest.raises(SearchError, match=r"and the search 0\.0\.1: all machines need"):
        remote.run_remotely(TASK, [None], (), "0.0.1")


DRIVER = """
import json, pathlib, sys
from harness import quick_trials, small_search
from keras_hadamard.search import ray_runner

ray_runner.run_remotely = quick_trials.run_quickly
search = small_search.small_search(
    pathlib.Path(sys.argv[1]), callbacks=(json.loads(sys.argv[2]),), workers=2, max_trials=20
)
small_search.run_trials(search)
"""
KILLS, OF_THE_DRIVER = 20, (6, 13)


def is_worker(process):
    try:
        return "ray::" in Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return False


def start(*arguments):
    paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, "-W", "ignore", "-c", DRIVER, *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def test_twenty_random_kills_lose_nothing(tmp_path):
    """Of workers in their trials and of the search itself, which is started again."""
    chance = random.Random(0)
    plan = {"begun": str(tmp_path / "begun"), "seconds": 0.5}
    arguments = str(tmp_path / "run"), json.dumps(plan)
    search, killed, seen, kept = start(*arguments), 0, 0, {}
    end = time.monotonic() + 400
    try:
        while search.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.05)
            known = begun(plan)
            new, seen = known[seen:], len(known)
            for _, worker in new:
                if killed >= KILLS or chance.random() < 0.4 or not is_worker(worker):
                    continue
                killed += 1
                if killed in OF_THE_DRIVER:
                    search.kill()
                    search.communicate()
                    before = Records(tmp_path / "run").read().trials
                    # What was finished once stays as it is.
                    assert {t.number: t for t in before}.items() >= kept.items()
                    kept = {t.number: t for t in before}
                    search = start(*arguments)
                    break
                os.kill(worker, signal.SIGKILL)
        out, errors = search.communicate()
        assert search.returncode == 0, errors.decode()
        assert out == b""
    finally:
        search.kill()
        search.communicate()
    trials = Records(tmp_path / "run").read().trials
    assert killed == KILLS
    assert [t.number for t in trials] == list(range(1, 21))
    assert {t.number: t for t in trials}.items() >= kept.items() and kept
    numbers = [number for number, _ in begun(plan)]
    assert len(numbers) >= 20 + KILLS - 4 and {int(n) for n in numbers} == set(range(1, 21))
    # A trial fails if it lost four workers, and else it was completed.
    for trial in trials:
        assert trial.completed or trial.reason.startswith("its worker was lost 4 times")
    assert sum(t.completed for t in trials) >= 18
    end = time.monotonic() + 30
    while any(is_worker(worker) for _, worker in begun(plan)):
        assert time.monotonic() < end
        time.sleep(0.1)
