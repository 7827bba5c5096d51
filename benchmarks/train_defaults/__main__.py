"""Trains every public layer with its default arguments on digits of 8 x 8 pixels.

    python -m benchmarks.train_defaults              # prints a row for each of them
    python -m benchmarks.train_defaults MLB MinGRU   # some
    python -m benchmarks.train_defaults --markdown benchmarks/train_defaults.md

Each kind of input has one small frame around the layer, and all have the same epochs, batches,
optimiser and seeds. What a layer cannot do without is chosen here, its number of outputs above all;
everything else is its default. A row is the layer, its frame, the share of right answers on what is
held out, in percent, the loss in the last epoch, and the seconds that it took. The command ends
with 1 if a layer is right less often than its frame's bound says.

Needs scikit-learn. Two processes train a layer each.
"""

import argparse
import os
import platform
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from benchmarks.train_defaults.frames import FRAME_OF, FRAMES
from benchmarks.train_defaults.rows import Row, rows
from benchmarks.train_defaults.training import BATCH, EPOCHS, RATE, SEEDS

HEADER = (
    "| layer | frame | right (%) | loss | seconds |",
    "| --- | --- | ---: | ---: | ---: |",
)


def page(found: Sequence[Row]) -> str:
    """The table, and what it was made under."""
    versions = (
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, "
        f"Python {platform.python_version()}"
    )
    frames = [
        f"- **{name}** (at least {100 * frame.least:.0f} %): {frame.told}."
        for name, frame in FRAMES.items()
    ]
    lines = [
        "# Every layer with its defaults, trained on digits",
        "",
        "`python -m benchmarks.train_defaults --markdown benchmarks/train_defaults.md`: "
        f"{versions}. The digits of scikit-learn, 8 x 8 pixels within -1 and 1, a third of them "
        f"held out; {EPOCHS} epochs of batches of {BATCH}, Adam at {RATE} that decays to 0 by a "
        f"cosine, the mean of {len(SEEDS)} seeds. The loss is that of the last epoch. Two layers "
        "train at a time, a core each; the seconds include tracing and compiling with XLA.",
        "",
        "What stands around a layer is the same for all of a frame, and ends in ten outputs. It is "
        "there to show whether a layer trains, not which one to take: frames differ in what they "
        "see of an image. The filters of coordinates start with frequencies for a grid as dense "
        "as that of a picture, and make noise of scattered points: with an `input_scale` "
        "of 3 more than half is right (tests/bench/test_train_defaults.py), of what two "
        "coordinates tell of ten digits.",
        "",
        *frames,
        "",
        *HEADER,
        *map(str, found),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_defaults",
        description="Trains the layers with their defaults.",
    )
    parser.add_argument("layers", nargs="*", metavar="LAYER", help="all of them if none is named")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="writes the table here")
    options = parser.parse_args()
    unknown = sorted(set(options.layers) - set(FRAME_OF))
    if unknown:
        parser.error(f"expected names of layers, received {', '.join(unknown)}")
    found = rows(options.layers or list(FRAME_OF))
    if options.markdown:
        options.markdown.write_text(page(found), encoding="utf-8")
    if any(row.misses for row in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
