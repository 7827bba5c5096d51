"""Time and memory, measured so that a noisy machine does not decide.

Two candidates are timed in turns and compared by the median of the ratios of their turns: what else
the machine does falls on both.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

# Only this allocator and oneDNN's keep the statistics that memory is read from, and TensorFlow
# takes oneDNN's only on some processors. It is chosen when the first device is made.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

Run = Callable[[], Any]
# Seconds below which a run is timed a second time, warm.
SHORT = 0.01


@dataclass(frozen=True)
class Timing:
    """Medians in milliseconds, and how many times longer the reference takes."""

    ours: float
    reference: float
    ratio: float


def compare(ours: Run, reference: Run, repeats: int) -> Timing:
    """Times two runs in turns, the first turn of each apart, where it compiles."""
    times = _in_turns((ours, reference), repeats)
    ratios = [b / a for a, b in zip(*times, strict=True)]
    one, other = (1e3 * statistics.median(t) for t in times)
    return Timing(one, other, statistics.median(ratios))


def median_time(run: Run, repeats: int) -> float:
    """The median time in milliseconds, compilation apart."""
    return compare(run, lambda: None, repeats).ours


def least_times(runs: Sequence[Run], repeats: int) -> list[float]:
    """The least time of each in milliseconds, measured in turns, compilation apart."""
    return [1e3 * min(seconds) for seconds in _in_turns(runs, repeats)]


def _in_turns(runs: Sequence[Run], repeats: int) -> list[list[float]]:
    """The seconds of every turn of each, the first apart.

    What the caches hold of the other candidate is no cost of a run, and of a short one it would be
    the greater part.
    """
    for run in runs:
        finish(run())
    turns = [[_seconds(run) for run in runs] for _ in range(repeats)]
    return [list(seconds) for seconds in zip(*turns, strict=True)]


def _seconds(run: Run) -> float:
    """The seconds of a run, and of one that is short those of a second one."""
    for _ in range(2):
        start = time.perf_counter()
        finish(run())
        taken = time.perf_counter() - start
        if taken >= SHORT:
            break
    return taken


def finish(result: Any) -> None:
    """Waits for the tensors of a result, which a GPU computes in the background; a CPU has them."""
    for tensor in tf.nest.flatten(result):
        if tf.is_tensor(tensor) and "CPU" not in tensor.device:
            tf.reshape(tensor, [-1])[:1].numpy()


def slope(sizes: list[int], times: list[float]) -> float:
    """The exponent of the power law through the points."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def peak_bytes(run: Run) -> int:
    """The most that TensorFlow's allocator held above what it held before, results included."""
    finish(run())
    before = _memory("current")
    tf.config.experimental.reset_memory_stats(_device())
    finish(run())
    return _memory("peak") - before


def least_peaks(runs: Sequence[Run], repeats: int) -> list[int]:
    """The least peak of each: in a graph it depends on which of several ready kernels runs first.

    Pieces below 256 KiB come from an allocator that does not count.
    """
    return [max(2**18, min(peak_bytes(run) for _ in range(repeats))) for run in runs]


def kept_bytes(run: Run) -> int:
    """How much more TensorFlow's allocator holds while the results of a run are alive."""
    finish(run())
    gc.collect()  # What earlier rows left in reference cycles would be freed in between.
    before = _memory("current")
    results = run()
    finish(results)
    return _memory("current") - before


def _device() -> str:
    return "GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"


def _memory(what: str) -> int:
    try:
        return int(tf.config.experimental.get_memory_info(_device())[what])
    except ValueError as error:
        raise RuntimeError(
            "TensorFlow's allocator keeps no statistics: set TF_CPU_ALLOCATOR_USE_BFC=1 before the "
            "first tensor is made"
        ) from error
