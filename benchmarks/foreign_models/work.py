"""Makes rows of the table: the cells of some models, each a line as soon as it is known.

python -m benchmarks.foreign_models.work MODEL ...
"""

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))

from benchmarks.ticks import YES


def row(name: str) -> None:
    """Prints the name, the column and the cell of each column, and its seconds to stderr."""
    from benchmarks.foreign_models.columns import COLUMNS
    from benchmarks.foreign_models.rows import ROWS
    from benchmarks.foreign_models.subject import Subject

    subject = Subject(ROWS[name]())
    for column, work in COLUMNS.items():
        start = time.perf_counter()
        try:
            work(subject)
            said = YES
        except Exception as error:  # The cell is the reason.
            said = f"{type(error).__name__}: " + " ".join(str(error).split())[:200]
        print(f"{name}\t{column}\t{said}", flush=True)
        print(f"{name}, {column}: {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)


def main() -> None:
    import keras
    from harness.one_loader import OneLoader

    from benchmarks.foreign_models import columns
    from keras_hadamard.serving import _loader

    with tempfile.TemporaryFile("w+") as said:
        # One program for all of them: it takes seconds to start.
        _loader.subprocess = one = OneLoader(said)  # type: ignore[assignment]
        for name in sys.argv[1:]:
            row(name)
            keras.backend.clear_session()
            gc.collect()
        one.close()
    columns.LOADING.close()


if __name__ == "__main__":
    main()
