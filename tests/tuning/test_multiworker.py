"""One training in two processes on this machine, with gradients that cross between them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from keras_hadamard import tuning
from keras_hadamard.cli import main
from keras_hadamard.tuning.cluster import cluster
from keras_hadamard.tuning.in_step import Shares

FIT = """
import os, sys
index, size, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
from types import SimpleNamespace
import keras, numpy as np
from keras_hadamard.tuning.cluster import Cluster
from keras_hadamard.tuning.in_step import Shares, fit_in_step
among = Cluster() if size > 1 else None
rng = np.random.default_rng(0)
x = rng.normal(size=(70, 4)).astype("float32")
split = SimpleNamespace(inputs={"x": x}, targets=(x[:, 0] * x[:, 1] > 0).astype("int32"))
keras.utils.set_random_seed(index)
i = keras.Input((4,), name="x")
class Idle(keras.layers.Layer):  # with a weight that has no part in the loss
    def build(self, shape):
        self.weight = self.add_weight(shape=(2,))
    def call(self, x):
        return x
h = Idle()(keras.layers.Dense(8, "tanh")(i))
model = keras.Model(i, keras.layers.Dense(2, "softmax")(h))
model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
how = dict(seed=5, epochs=9, batch_size=20)
if among is None:
    model.fit(Shares(split, 20, 5, 0, 1), epochs=3, shuffle=False, verbose=0)
else:
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 2)
    )
    fit_in_step(model, split, callbacks=[stop] if among.chief else [], among=among, **how)
np.savez(path, *model.get_weights())
"""


def environment(index, ports):
    hosts = [f"127.0.0.1:{port}" for port in ports]
    config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
    return {**os.environ, "TF_CONFIG": json.dumps(config), "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.fixture
def ports():
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    found = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return found


@pytest.fixture
def start(ports, tmp_path):
    """Starts a process of the cluster; what is left of them at the end is killed."""
    started = []

    def run(index, *line):
        started.append(
            subprocess.Popen(
                [sys.executable, *map(str, line)],
                env=environment(index, ports),
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def ended(process, code=0):
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out if code == 0 else err


@pytest.mark.slow
def test_two_processes_train_as_one_does(start, tmp_path):
    for process in [start(i, "-c", FIT, i, 2, tmp_path / f"{i}.npz") for i in range(2)]:
        ended(process)
    alone = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, "-c", FIT, "0", "1", str(tmp_path / "alone.npz")]
    subprocess.run(line, env=alone, check=True, timeout=120, capture_output=True)
    with np.load(tmp_path / "alone.npz") as expected:
        for i in range(2):
            with np.load(tmp_path / f"{i}.npz") as found:
                for name in expected.files:
                    # The order of sums alone differs.
                    np.testing.assert_allclose(found[name], expected[name], rtol=2e-5, atol=2e-6)


@pytest.mark.slow
def test_a_search_in_two_processes_outlives_a_lost_one(npz, start, tmp_path):
    line = ["-m", "keras_hadamard.cli", "search", npz, "--out", tmp_path / "run"]
    line += ["--max-trials", 2, "--epochs", 2, "--batch-size", 20, "--strategy", "multiworker"]
    chief, other = (start(i, *line) for i in range(2))
    while "training 3" not in other.stdout.readline():
        assert other.poll() is None and chief.poll() is None
    os.kill(other.pid, signal.SIGKILL)
    assert "A process of the cluster was lost" in ended(chief, 2)
    before = json.loads((tmp_path / "run" / "trials.json").read_text())["trials"]
    assert [t["status"] for t in before] == ["completed"] * 2
    time.sleep(1)
    chief, other = (start(i, *line) for i in range(2))
    said = ended(chief)
    assert "all 2 trials are finished" in said and "runs on a stock TF Serving" in said
    assert "The search is over" in ended(other)
    after = json.loads((tmp_path / "run" / "trials.json").read_text())
    assert after["trials"] == before
    assert all(f["status"] == "completed" for f in after["finalists"])


def test_shares_are_the_batches_of_all():
    x = np.arange(23)
    split = SimpleNamespace(inputs={"x": x}, targets=-x)
    parts = [Shares(split, 8, 3, i, 2) for i in range(2)]
    seen = []
    for _ in range(2):
        assert [len(part) for part in parts] == [3, 3]
        for step in range(3):
            pairs = [part[step] for part in parts]
            assert len({len(targets) for _, targets in pairs}) == 1
            seen.append(np.sort(np.concatenate([inputs["x"] for inputs, _ in pairs])).tolist())
            assert all((inputs["x"] == -targets).all() for inputs, targets in pairs)
        for part in parts:
            part.on_epoch_end()
    first, second = seen[:3], seen[3:]
    for epoch in (first, second):
        assert len({row for batch in epoch for row in batch}) == 22
    assert first != second


def test_what_is_missing_is_said(npz, tmp_path, monkeypatch, capsys):
    cluster.cache_clear()
    monkeypatch.delenv("TF_CONFIG", raising=False)
    line = ["search", str(npz), "--out", str(tmp_path / "run"), "--strategy", "multiworker"]
    assert main(line) == 2
    assert '"task": {"type": "worker", "index": 0}' in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    with pytest.raises(tuning.SearchError, match="no workers of a chief"):
        tuning.SearchSettings("x.npz", strategy="multiworker", workers=2)
    with pytest.raises(tuning.SearchError, match="no folds"):
        tuning.SearchSettings("x.npz", strategy="multiworker", folds=3)
    with pytest.raises(tuning.SearchError, match="without pruning"):
        tuning.SearchSettings("x.npz", strategy="multiworker", spaces=("gating", "pruning"))
