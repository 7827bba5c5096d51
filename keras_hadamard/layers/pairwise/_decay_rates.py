"""Initial values of learned decays."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.typing import Shape, Tensor

# The range of the initial time steps, and the greatest initial rate.
STEPS, RATES = (1e-3, 1e-1), 16.0


def log_of_uniform(low: float, high: float = RATES) -> Callable[..., Tensor]:
    """Logarithms of uniform numbers."""

    def start(shape: Shape, dtype: Any = None) -> Tensor:
        return ops.log(keras.random.uniform(shape, low, high, dtype=dtype))

    return start


def softplus_inverse_of_steps(shape: Shape, dtype: Any = None) -> Tensor:
    """Numbers whose softplus is a time step, uniform in its logarithm."""
    low, high = (math.log(step) for step in STEPS)
    step = ops.exp(keras.random.uniform(shape, low, high, dtype=dtype))
    return step + ops.log(-ops.expm1(-step))
