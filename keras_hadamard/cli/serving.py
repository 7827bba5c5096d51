"""`keras-hadamard export` and `keras-hadamard check`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from keras_hadamard.cli.arguments import positive
from keras_hadamard.cli.errors import FAILED, InputError


def register(commands: Any) -> None:
    export = commands.add_parser("export", help="write a model where TF Serving looks for it")
    export.add_argument("model", metavar="MODEL.keras")
    export.add_argument("directory", metavar="DIR", help="its versions are DIR/1, DIR/2, ...")
    export.add_argument(
        "--version", type=positive, metavar="N", help="default: one more than the highest there"
    )
    export.set_defaults(run=run_export)
    check = commands.add_parser("check", help="check that a model runs on a stock TF Serving")
    check.add_argument("directory", metavar="DIR")
    check.set_defaults(run=run_check)


def run_export(arguments: argparse.Namespace) -> int:
    if not Path(arguments.model).is_file():
        raise InputError(f"There is no file {arguments.model}.")
    import keras

    import keras_hadamard.layers  # noqa: F401  the model may have some
    from keras_hadamard import serving

    try:
        model = keras.models.load_model(arguments.model)
        path = serving.export(model, arguments.directory, version=arguments.version)
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error
    sys.stdout.write(f"{path}\n")
    return 0


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
