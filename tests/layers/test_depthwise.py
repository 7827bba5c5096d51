"""Depthwise convolutions are those of our op, which is fast inside XLA too."""

import re
from pathlib import Path

import keras_hadamard

PACKAGE = Path(keras_hadamard.__file__).parent
KERAS = re.compile(r"\b(Depthwise|Separable)Conv[12]D\b|depthwise_conv\(|separable_conv\(")
# Of whatever network, its own layers too.
READERS = ("adapters", "bench", "pruning")


def test_no_layer_or_model_convolves_depthwise_by_keras():
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0]
        if part in READERS or path.name in ("_depthwise_conv.py", "_checkpoint.py"):
            continue
        text = path.read_text()
        ours = "keras_hadamard.layers._depthwise_conv import DepthwiseConv2D" in text
        found = [m.group() for m in KERAS.finditer(text)]
        assert ours or not found or part == "_core", (path, found)
