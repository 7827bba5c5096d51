"""One training on two logical devices, and the batches that suit them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from keras_hadamard import tuning
from keras_hadamard.tuning import strategies

# A process of its own: logical devices are set before TensorFlow is used.
CODE = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from keras_hadamard import datasets
from keras_hadamard.tuning import strategies, training
from keras_hadamard.tuning.hyper_fusion_classifier import HyperFusionClassifier

data = datasets.load_arrays(sys.argv[1])
spec = {"kind": "vector", "shape": (4,)}
hypermodel = HyperFusionClassifier({"a": spec, "b": spec}, 2, units=8)
found = []
for strategy in ("mirrored", None):
    outcome = training.train(
        hypermodel,
        {"fusion": "hadamard", "gating": "glu", "learning_rate": 0.01},
        data,
        seed=1,
        epochs=3,
        batch_size=21,
        on_epoch=lambda epoch, best: None,
        limits={},
        strategy=strategy,
    )
    result = outcome.result
    right = training.correct(outcome.model, data.validation, 16)
    outcome.model.save(sys.argv[2])
    found.append({**result, "again": float(right.mean())})
print(json.dumps([strategies.strategy("mirrored").num_replicas_in_sync, *found]))
"""


@pytest.mark.slow
def test_two_logical_devices(npz, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(npz), str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
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
    size = strategies.even(examples, batch, "mirrored")
    assert size % devices == 0 and size <= max(batch, devices)
    assert size <= examples
    rest = examples % size
    assert rest == 0 or rest >= devices or size == devices
    assert strategies.even(examples, batch, None) == batch


def test_an_unknown_strategy():
    with pytest.raises(tuning.SearchError, match="mirrored"):
        tuning.SearchSettings("digits_vqa", strategy="telepathy")
