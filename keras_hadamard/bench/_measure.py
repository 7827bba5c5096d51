"""Time and memory, measured so that a noisy machine does not decide.

Two candidates are timed in turns and compared by the median of the ratios of their turns: what else
the machine does falls on both.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

Run = Callable[[], Any]


@dataclass(frozen=True)
class Timing:
    """Medians in milliseconds, and how many times longer the reference takes."""

    ours: float
    reference: float
    ratio: float


def compare(ours: Run, reference: Run, repeats: int) -> Timing:
    """Times two runs in turns, the first turn of each apart, where it compiles."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for run, seconds in zip((ours, reference), times, strict=True):
            start = time.perf_counter()
            finish(run())
            if turn:
                seconds.append(time.perf_counter() - start)
    ratios = [b / a for a, b in zip(*times, strict=True)]
    one, other = (1e3 * statistics.median(t) for t in times)
    return Timing(one, other, statistics.median(ratios))


def median_time(run: Run, repeats: int) -> float:
    """The median time in milliseconds, compilation apart."""
    return compare(run, lambda: None, repeats).ours


def finish(result: Any) -> None:
    """Waits for the tensors of a result, which a GPU computes in the background."""
    for tensor in tf.nest.flatten(result):
        if tf.is_tensor(tensor) and len(tensor.shape):
            tf.reshape(tensor, [-1])[:1].numpy()
        elif tf.is_tensor(tensor):
            tensor.numpy()


def slope(sizes: list[int], times: list[float]) -> float:
    """The exponent of the power law through the points."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def peak_bytes(function: Callable[..., int], *args: Any) -> int:
    """The result of a `rise` in a process of its own, whose allocator has nothing in store."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def rise(warm_up: Run, run: Run) -> int:
    """How far this process's resident memory rises above where it stood, results included.

    The warm-up, on small tensors, loads the compiler; it must not leave memory to be used again.
    """
    finish(warm_up())
    status = Path("/proc/self/status")
    Path("/proc/self/clear_refs").write_text("5")  # Puts the high-water mark back to what is used.
    before = _kilobytes(status.read_text(), "VmRSS")
    finish(run())
    return 1024 * (_kilobytes(status.read_text(), "VmHWM") - before)


def _kilobytes(status: str, name: str) -> int:
    (line,) = (line for line in status.splitlines() if line.startswith(name + ":"))
    return int(line.split()[1])
