"""In which formats a layer or a model runs: a row of the support table."""

import contextlib
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from harness.delegated import delegated
from harness.support_cases import SupportCase
from harness.support_cases import first_cases as first_cases
from keras_hadamard import config, serving
from keras_hadamard.serving._compare import difference

YES = "yes"
# In these a cell begins with `yes`, or is a reason why not.
TICKS = ("SavedModel", "without XLA", "LiteRT", "LiteRT int8", "ONNX")
# What XNNPACK runs; one call against that of the Keras model; the kilobytes of two files.
MEASURES = ("XNNPACK", "time", "kB", "int8 kB")
COLUMNS = (*TICKS, *MEASURES)
_LITE = ("LiteRT", "XNNPACK", "time", "kB")
_INT8 = ("LiteRT int8", "int8 kB")
# A fifth of them is held out of the calibration.
_CALIBRATION = 320
NONE = "-"


def row(case: SupportCase, columns: tuple[str, ...] = COLUMNS) -> dict[str, str]:
    """The cells of the columns: `yes`, perhaps with how, or the reason why not; or a number."""
    keras.utils.set_random_seed(0)
    model = case.model()
    examples = case.examples(model, _CALIBRATION)
    made: dict[str, Callable[[Path], dict[str, str]]] = {
        "SavedModel": lambda folder: _told("SavedModel", _saved_model(model, folder, examples)),
        "without XLA": lambda folder: _told("without XLA", _without_xla(model, folder, examples)),
        "LiteRT": lambda folder: _lite(model, folder / "m.tflite", examples),
        "LiteRT int8": lambda folder: _int8(model, folder / "m.tflite", examples),
        "ONNX": lambda folder: _told(
            "ONNX", _off(serving.export_onnx(model, folder / "m.onnx", examples=examples))
        ),
    }
    found: dict[str, str] = {}
    for name in TICKS:
        cells = {"LiteRT": _LITE, "LiteRT int8": _INT8}.get(name, (name,))
        if set(cells) & set(columns):
            with tempfile.TemporaryDirectory() as folder, _quiet():
                reason = dict.fromkeys(cells, NONE)
                found |= reason | _or_reason(name, made[name], Path(folder))
    return {name: found[name] for name in columns}


def _or_reason(name: str, make: Callable[[Path], dict[str, str]], folder: Path) -> dict[str, str]:
    try:
        return make(folder)
    except ValueError as error:
        text = " ".join(str(error).split())
        expected, _, reason = text.partition(". Received: reason=")
        return {name: f"{reason.strip(chr(39) + chr(34))}: {expected}" if reason else text}


def _told(name: str, cell: str) -> dict[str, str]:
    return {name: cell}


def _saved_model(model: keras.Model, folder: Path, examples: dict[str, Any]) -> str:
    """As it is loaded into this process, where XLA may compile."""
    model.export(str(folder / "1"), verbose=False)
    few = {name: tf.constant(array[:3]) for name, array in examples.items()}
    named = isinstance(model.input, dict)
    given = few if named else list(few.values())
    given = given if named or len(given) > 1 else given[0]
    loaded = tf.saved_model.load(str(folder / "1"))
    # Compiled kernels round in other ways, which a root near zero would show.
    with config.eager_compile_scope(False):
        expected = keras.tree.flatten(model(given))
    pairs = zip(expected, keras.tree.flatten(loaded.serve(given)), strict=True)
    off = [difference(one.numpy(), other.numpy()) for one, other in pairs]
    return next((f"off by {value}" for value in off if value != 0 and not value < 1e-5), YES)


def _without_xla(model: keras.Model, folder: Path, examples: dict[str, Any]) -> str:
    serving.export(model, folder, examples={name: rows[:8] for name, rows in examples.items()})
    report = serving.check(folder, model)
    failed = [f"{item.name}: {item.detail}" for item in report.items if item.passed is False]
    return "; ".join(failed) or YES


def _lite(model: keras.Model, path: Path, examples: dict[str, Any]) -> dict[str, str]:
    made = serving.export_litert(model, path, examples=examples)
    return {
        "LiteRT": _off(made),
        "XNNPACK": delegated(path.read_bytes()),
        "time": f"{made.milliseconds / made.keras_milliseconds:.3f}",
        "kB": str(math.ceil(made.size / 1024)),
    }


def _int8(model: keras.Model, path: Path, examples: dict[str, Any]) -> dict[str, str]:
    made = serving.export_litert(model, path, "int8", examples=examples)
    how = made.format.partition(", ")[2]
    cell = ", ".join(filter(None, (YES, how))) if made.ok else _off(made)
    return {"LiteRT int8": cell, "int8 kB": str(math.ceil(made.size / 1024))}


def _off(made: serving.Artifact) -> str:
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
