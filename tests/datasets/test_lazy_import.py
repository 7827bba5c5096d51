"""What importing the package imports, in fresh interpreters."""

import subprocess
import sys

import pytest

LAZY = """
import pathlib, sys
import keras_hadamard
assert "keras_hadamard.datasets" not in sys.modules
assert "tensorflow_datasets" not in sys.modules, "the package imports TFDS"
import numpy as np
data = keras_hadamard.datasets
np.savez("a.npz", x=np.random.rand(40, 2), target=np.arange(40) % 2)
data.load_arrays("a.npz")
data.available()
assert "tensorflow_datasets" not in sys.modules, "loading a file imports TFDS"
import tensorflow_datasets as tfds
assert "digits_vqa" in tfds.list_builders(with_community_datasets=False)
assert len(list(tfds.load("digits_vqa/tiny", split="test", data_dir="."))) == 120
"""

AFTER = """
import sys
import tensorflow_datasets as tfds
assert "keras_hadamard" not in sys.modules
import keras_hadamard.datasets
assert tfds.builder("sort_of_clevr/tiny", data_dir=".").info.features["question"].shape == (11,)
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", [LAZY, AFTER], ids=["TFDS later", "TFDS first"])
def test_in_a_fresh_interpreter(tmp_path, script):
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
