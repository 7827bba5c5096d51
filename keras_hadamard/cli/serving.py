"""`keras-hadamard export`, `keras-hadamard convert` and `keras-hadamard check`."""

import argparse
import contextlib
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_hadamard._core.files import write_atomically
from keras_hadamard._core.reading import reading
from keras_hadamard.cli.run_files import RunFiles, run_files
from keras_hadamard_cli.errors import FAILED, InputError

if TYPE_CHECKING:
    import keras

    from keras_hadamard.serving import Artifact


def run_export(arguments: argparse.Namespace) -> int:
    labels = _file(arguments.labels).read_text("utf-8").splitlines() if arguments.labels else ()
    model = _load(arguments.model)
    from keras_hadamard import serving

    chosen = {
        name: value
        for name in ("batch_sizes", "max_batch_size", "name")
        if (value := getattr(arguments, name)) is not None
    }
    try:
        options = serving.ExportOptions(
            labels=labels,
            xla=arguments.xla,
            input_checks=not arguments.no_input_checks,
            **chosen,
        )
        path = serving.export(
            model, arguments.directory, version=arguments.version, options=options
        )
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error
    sys.stdout.write(f"{path}\n")
    return 0


def run_convert(arguments: argparse.Namespace) -> int:
    lite = arguments.file.endswith(".tflite")
    if not lite and not arguments.file.endswith(".onnx"):
        raise InputError(f"Expected FILE to end in .tflite or .onnx. Received: {arguments.file}")
    if arguments.precision and not lite:
        raise InputError(f"ONNX has no --precision. Received: {arguments.precision}")
    examples = _arrays(arguments.examples) if arguments.examples else None
    source, run = Path(arguments.model), None
    if source.is_dir():
        run = run_files(source, arguments.precision == "int8", examples is not None)
        source = run.model
    model = _load(str(source))
    targets = None if run is None else run.targets
    if examples is None and run is not None:
        examples = run.examples
    elif examples is not None and "target" not in {x.name for x in model.inputs or ()}:
        targets = examples.pop("target", None)
    made = _converted(model, arguments, lite, examples, targets)
    sys.stdout.write(f"{made}\n")
    if run is not None:
        _tell(run, arguments.file)
    return 0 if made.ok else FAILED


def _converted(
    model: "keras.Model",
    arguments: argparse.Namespace,
    lite: bool,
    examples: dict[str, Any] | None,
    targets: Any,
) -> "Artifact":
    from keras_hadamard import serving

    try:
        if not lite:
            return serving.export_onnx(model, arguments.file, examples=examples)
        precision = arguments.precision or "float32"
        return serving.export_litert(
            model, arguments.file, precision, examples=examples, targets=targets
        )
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error


def _tell(run: RunFiles, file: str) -> None:
    """Says what the file takes, and writes beside it what its scores are of."""
    for note in run.notes:
        sys.stdout.write(f"      {note}\n")
    if run.labels:
        path = Path(f"{file}.labels.txt")
        write_atomically(path, "\n".join(run.labels) + "\n")
        sys.stdout.write(f"      labels of its scores, one a line: {path}\n")


def _file(name: str) -> Path:
    if not Path(name).is_file():
        raise InputError(f"There is no file {name}.")
    return Path(name)


def _arrays(name: str) -> dict[str, Any]:
    import numpy as np

    try:
        with np.load(_file(name), allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, TypeError) as error:
        raise InputError(
            f"Expected {name} to be a .npz file of arrays. Received: {error}"
        ) from error


def _load(name: str) -> "keras.Model":
    path = _file(name)
    import keras

    # The model may have layers of any of them; some need packages that need not be here.
    for package in ("layers", "models", "pruning", "adapters", "datasets", "search.calibration"):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"keras_hadamard.{package}")
    try:
        with reading(path, "a model that Keras saved"):
            return keras.models.load_model(path)
    except ValueError as error:
        raise InputError(str(error)) from error


def run_check(arguments: argparse.Namespace) -> int:
    if not Path(arguments.directory).is_dir():
        raise InputError(f"There is no directory {arguments.directory}.")
    from keras_hadamard import serving

    try:
        report = serving.check(arguments.directory)
    except ValueError as error:
        raise InputError(str(error)) from error
    sys.stdout.write(f"{report}\n")
    return 0 if report.ok else FAILED
