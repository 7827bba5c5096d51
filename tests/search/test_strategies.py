"""One training on two logical devices, and the batches that suit them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_hadamard.search import SearchError, SearchSettings, strategies

TESTS = Path(__file__).parents[1]
# A process of its own: logical devices are set before TensorFlow is used.
CODE = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from harness.small_search import SmallProblem
from keras_hadamard.search import SearchSettings, strategies, training

found = []
for strategy in ("mirrored", None):
    problem = SmallProblem(SearchSettings("small.npz", strategy=strategy, batch_size=21))
    outcome = training.train(
        problem,
        {"fusion": "sum", "gating": "glu", "learning_rate": 0.01},
        seed=1,
        epochs=3,
        on_epoch=lambda epoch, best: None,
        limits={},
    )
    split = problem.data.validation
    predictions = training.predict(outcome.model, split.inputs, 16)
    again = problem.objective.score(problem.data.task, split.targets, predictions)
    outcome.model.save(sys.argv[1])
    found.append({**outcome.result, "again": again})
print(json.dumps([strategies.strategy("mirrored").num_replicas_in_sync, *found]))
"""


@pytest.mark.slow
def test_two_logical_devices(tmp_path):
    paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    devices, mirrored, plain = json.loads(done.stdout.splitlines()[-1])
    assert devices == 2
    assert mirrored["status"] == plain["status"] == "completed", mirrored
    assert len(mirrored["curve"]) == 3 and mirrored["parameters"] == plain["parameters"]
    # The plain model has the weights of the devices.
    assert np.isclose(mirrored["again"], mirrored["score"])


@pytest.mark.parametrize("devices", [2, 4])
@pytest.mark.parametrize("examples", [9, 32, 33, 41, 1000, 1001])
@pytest.mark.parametrize("batch", [3, 16, 128])
def test_no_device_gets_nothing(monkeypatch, devices, examples, batch):
    class Strategy:
        num_replicas_in_sync = devices

    monkeypatch.setattr(strategies, "strategy", lambda name: Strategy)
    size = strategies.divisible_batch_size(examples, batch, "mirrored")
    assert size % devices == 0 and size <= max(batch, devices)
    assert size <= examples
    rest = examples % size
    assert rest == 0 or rest >= devices or size == devices
    assert strategies.divisible_batch_size(examples, batch, None) == batch


def test_strategies_that_are_refused():
    with pytest.raises(SearchError, match="mirrored"):
        SearchSettings("digits_vqa", strategy="telepathy")
    with pytest.raises(SearchError, match="None with workers or a cluster"):
        SearchSettings("digits_vqa", strategy="mirrored", workers=2)
