"""How long Hypothesis looks: a few examples each, or with HYPOTHESIS_PROFILE=thorough many."""

import os

import pytest
from hypothesis import HealthCheck, settings

from keras_hadamard.config import eager_compile_scope

COMMON = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    # The fixtures of the whole run hold for all examples of a test alike.
    "suppress_health_check": list(HealthCheck),
}
settings.register_profile("quick", max_examples=5, **COMMON)
settings.register_profile("thorough", max_examples=200, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def _no_compilation_for_each_shape():
    with eager_compile_scope(False):
        yield
