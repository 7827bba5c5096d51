"""The effort of Hypothesis: a few examples each, or with HYPOTHESIS_PROFILE=thorough many."""

import os

from harness.uncompiled import uncompiled as uncompiled
from hypothesis import HealthCheck, settings

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
