"""How long a model takes for one example, on the machine that searches."""

import statistics
import time
from typing import Any

import keras

REPEATS = 15


def latency(model: keras.Model, inputs: dict[str, Any]) -> float:
    """The median milliseconds of the first example alone, compilation apart."""
    one = {name: array[:1] for name, array in inputs.items()}
    milliseconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        model.predict_on_batch(one)
        milliseconds.append(1e3 * (time.perf_counter() - start))
    return statistics.median(milliseconds[1:])
