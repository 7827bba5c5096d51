"""Settings of the whole test run: a quiet TensorFlow, and one policy and seed for each test."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import pytest


@pytest.fixture(autouse=True)
def _fresh_keras():
    # Not clear_session: it walks the whole heap, which takes longer than most tests.
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
