"""In which formats a layer runs: a row of the support table."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from harness.layer_cases import LayerCase
from keras_hadamard import config, serving
from keras_hadamard.serving._compare import difference

YES = "yes"
COLUMNS = ("SavedModel", "without XLA", "LiteRT", "LiteRT int8", "ONNX")
_CALIBRATION = 64


def first_cases(cases: dict[str, LayerCase]) -> dict[str, LayerCase]:
    """The first case of each layer, by the name of the layer."""
    found: dict[str, LayerCase] = {}
    for name, case in cases.items():
        found.setdefault(name.split("-")[0], case)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def row(case: LayerCase, columns: tuple[str, ...] = COLUMNS) -> dict[str, str]:
    """`yes` in each column, or the reason why not."""
    keras.utils.set_random_seed(0)
    model = case.model()
    names = [tensor.name for tensor in model.inputs]
    examples = dict(zip(names, case.arrays(_CALIBRATION), strict=True))
    with tempfile.TemporaryDirectory() as folder, _quiet():
        lite, onnx = f"{folder}/m.tflite", f"{folder}/m.onnx"
        made: dict[str, Callable[[], str]] = {
            "SavedModel": lambda: _saved_model(model, Path(folder, "1"), examples),
            "without XLA": lambda: _without_xla(model, Path(folder, "2"), examples),
            "LiteRT": lambda: _told(serving.export_litert(model, lite, examples=examples)),
            "LiteRT int8": lambda: _told(
                serving.export_litert(model, lite, "int8", examples=examples)
            ),
            "ONNX": lambda: _told(serving.export_onnx(model, onnx, examples=examples)),
        }
        return {name: _or_reason(made[name]) for name in columns}


def _or_reason(make: Callable[[], str]) -> str:
    try:
        return make()
    except ValueError as error:
        text = " ".join(str(error).split())
        return text.partition("reason=")[2].strip("'\"") or text


def _saved_model(model: keras.Model, folder: Path, examples: dict[str, Any]) -> str:
    """As it is loaded into this process, where XLA may compile."""
    model.export(str(folder), verbose=False)
    few = [tf.constant(array[:3]) for array in examples.values()]
    given = few if len(few) > 1 else few[0]
    loaded = tf.saved_model.load(str(folder))
    # Compiled kernels round in other ways, which a root near zero would show.
    with config.eager_compile_scope(False):
        expected = keras.tree.flatten(model(given))
    pairs = zip(expected, keras.tree.flatten(loaded.serve(given)), strict=True)
    off = [difference(one.numpy(), other.numpy()) for one, other in pairs]
    return next((f"off by {value}" for value in off if value != 0 and not value < 1e-5), YES)


def _without_xla(model: keras.Model, folder: Path, examples: dict[str, Any]) -> str:
    serving.export(model, folder, examples=examples)
    report = serving.check(folder, model)
    failed = [f"{item.name}: {item.detail}" for item in report.items if item.passed is False]
    return "; ".join(failed) or YES


def _told(made: serving.Artifact) -> str:
    if made.ok:
        return YES
    return f"runs, off by {made.difference:.2g} of the output's scale"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The converters write to the process's own output."""
    kept, nowhere = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    for target in (1, 2):
        os.dup2(nowhere, target)
    try:
        yield
    finally:
        for target, fd in zip((1, 2), kept, strict=True):
            os.dup2(fd, target)
            os.close(fd)
        os.close(nowhere)
