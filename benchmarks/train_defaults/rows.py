"""The rows of the table, made by two processes."""

import concurrent.futures
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.train_defaults.frames import FRAME_OF, FRAMES
from benchmarks.train_defaults.training import trained


@dataclass(frozen=True)
class Row:
    name: str
    accuracy: float
    loss: float
    seconds: float

    @property
    def misses(self) -> bool:
        return self.accuracy < FRAMES[FRAME_OF[self.name]].least

    def __str__(self) -> str:
        right = f"{100 * self.accuracy:.1f}"
        return (
            f"| `{self.name}` | {FRAME_OF[self.name]} | {f'**{right}**' if self.misses else right} "
            f"| {self.loss:.3f} | {self.seconds:.0f} |"
        )


def row(name: str) -> Row:
    start = time.perf_counter()
    accuracy, loss = trained([name])[name]
    return Row(name, accuracy, loss, time.perf_counter() - start)


def rows(names: Sequence[str]) -> list[Row]:
    """The rows of the layers, two of them at a time."""
    context = multiprocessing.get_context("spawn")
    # One core for each of the processes, which read this when they start.
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
        found = []
        for made_row in pool.map(row, names):
            print(made_row, flush=True)
            found.append(made_row)
    return found
