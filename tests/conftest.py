"""Settings of the whole test run: a quiet TensorFlow, and one policy and seed for each test."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import pytest

from keras_hadamard.layers import _fusions


@pytest.fixture(autouse=True)
def _fresh_keras():
    # Not clear_session: it walks the whole heap, which takes longer than most tests.
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True)
def _no_fusions_of_other_tests(monkeypatch):
    """What a test, or a docstring's example, registers is gone after it."""
    monkeypatch.setattr(_fusions, "_REGISTERED", {})
