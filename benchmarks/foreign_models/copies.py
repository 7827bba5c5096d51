"""The time and memory of a copy: `apply` and `prune` of ResNet50.

python -m benchmarks.foreign_models.copies
"""

import gc
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Whose memory TensorFlow counts; it reads this when it starts.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

import keras
import tensorflow as tf

from keras_hadamard import adapters, pruning

MIB = 2**20


def held(key: str = "current") -> float:
    return float(tf.config.experimental.get_memory_info("CPU:0")[key]) / MIB


def measured(name: str, work: Callable[[], Any]) -> Any:
    gc.collect()
    before = held()
    tf.config.experimental.reset_memory_stats("CPU:0")
    start = time.perf_counter()
    made = work()
    seconds = time.perf_counter() - start
    print(
        f"{name}: {seconds:.1f} s, {held() - before:.1f} MiB more, "
        f"{held('peak') - before:.1f} MiB for a moment"
    )
    return made


def main() -> None:
    model = keras.applications.ResNet50(weights=None)
    print(f"ResNet50: {held():.1f} MiB")
    adapted = measured("apply", lambda: adapters.apply(model, adapters.LoRA(4)))
    pruned = measured("prune", lambda: pruning.prune(model, 0.5))
    del adapted, pruned


if __name__ == "__main__":
    main()
