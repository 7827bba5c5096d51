"""Passes over the data and memory of the criteria that look at data, on a model of 100 MB.

    python -m benchmarks.calibration              # each criterion in a process of its own
    python -m benchmarks.calibration wanda

The model is a stack of transformer blocks with random weights. Memory is what the process holds
at most, resident, above what it held before `prune`: the pruned copy, its masks, and what the
choice of the masks needs for a moment. Only on Linux, which resets the peak on request.
"""

import argparse
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MIB = 2**20
CRITERIA = ("wanda", "sparsegpt")


class Counted:
    """Batches that can be gone through again, and how often that was done."""

    def __init__(self, batches: list[Any]) -> None:
        self._batches = batches
        self.passes = 0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        return iter(self._batches)


class Peak:
    """The most mebibytes that are resident within, above those before."""

    def __enter__(self) -> "Peak":
        gc.collect()
        self._before = _resident("VmRSS")
        try:
            Path("/proc/self/clear_refs").write_text("5")
            self._forgets = True
        except OSError:  # Not for everybody to write.
            self._forgets = False
        self._most = 0.0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        most = _resident("VmHWM") if self._forgets else self._most
        self.mebibytes = max(most, self._most) - self._before

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self._most = max(self._most, _resident("VmRSS"))


def _resident(what: str) -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if what in line)


def transformer(blocks: int, width: int, length: int) -> Any:
    import keras

    layers = keras.layers
    x = inputs = keras.Input((length, width))
    for _ in range(blocks):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(8, width // 8)(y, y)
        y = layers.Dense(4 * width, "gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(width)(y)
    return keras.Model(inputs, x)


def measured(
    criterion: str, blocks: int = 8, width: int = 512, length: int = 16, batches: int = 4
) -> dict[str, float]:
    """Passes, seconds, and mebibytes of the model, its masks, a layer's statistics and the peak."""
    import numpy as np

    from keras_hadamard import pruning

    model = transformer(blocks, width, length)
    rng = np.random.default_rng(0)
    data = Counted([rng.normal(size=(2, length, width)).astype("float32") for _ in range(batches)])
    # What the first call of a model brings with it is no cost of pruning.
    model(next(iter(data)))
    data.passes = 0
    kernels = [np.prod(w.shape) for w in model.weights if w.name == "kernel"]
    start = time.perf_counter()
    with Peak() as peak:
        pruned = pruning.prune(model, 0.5, criterion=criterion, calibration=data, verbose=0)
    sparsity = pruning.sparsity_report(pruned).sparsity
    if abs(sparsity - 0.5) > 0.01:
        raise AssertionError(f"Expected half of the weights to be zero. Received: {sparsity=}")
    # Norms of a layer's inputs, or its Hessian, in float64.
    statistics = 4 * width * (4 * width if criterion == "sparsegpt" else 1) * 8
    return {
        "passes": data.passes,
        "kernels": len(kernels),
        "seconds": time.perf_counter() - start,
        "model": 4 * model.count_params() / MIB,
        "masks": float(sum(kernels)) / MIB,
        "statistics": statistics / MIB,
        "peak": peak.mebibytes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("criteria", nargs="*", metavar="CRITERION", help=" or ".join(CRITERIA))
    criteria = parser.parse_args().criteria or list(CRITERIA)
    if not set(criteria) <= set(CRITERIA):
        parser.error(f"expected criteria among {', '.join(CRITERIA)}")
    if len(criteria) > 1:
        # What one leaves behind would be no more memory of the next.
        for criterion in criteria:
            subprocess.run([sys.executable, "-m", "benchmarks.calibration", criterion], check=True)
        return
    found = measured(criteria[0])
    print(
        "{0}: {passes:.0f} passes for {kernels} kernels, {seconds:.0f} s; {peak:.0f} MiB at most "
        "beside the model's own {model:.0f}, of masks {masks:.0f}, of the statistics of the "
        "largest layer {statistics:.2f}".format(criteria[0], **found)
    )


if __name__ == "__main__":
    main()
