"""Shared helpers of the tests of properties: float64, numbers, and closeness."""

from typing import Any

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def float64() -> None:
    """A property holds to a few rounding errors; a file that imports this runs in float64."""
    keras.config.set_dtype_policy("float64")


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def assert_close(one: Any, other: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
