"""The arguments of `keras-hadamard search`: the fields of its settings."""

import argparse
import importlib
import sys
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from keras_hadamard_cli.parser import Commands

DESCRIPTION = """\
Searches the fusion, gates and layers that suit a data set, compares the best with a baseline and
with models of other kinds, and writes trials.csv, trials.json, report.html, summary.txt,
best.keras, preprocessing.keras and serving/1/ to the run's folder. The same command resumes a
search that was interrupted. With --workers or --cluster the trials run at the same time, on Ray."""


def register(commands: Commands) -> None:
    parser = commands.add_parser(
        "search", help="search the layers that suit a data set", description=DESCRIPTION
    )
    for field in fields(settings_module().SearchSettings):
        if "kind" in field.metadata:
            add(parser, field)
    # TensorFlow leaves oneDNN off on processors without AVX-512, where trainings of the README's
    # search took 1.6 times as long without it.
    environment = {"TF_ENABLE_ONEDNN_OPTS": "1"}
    parser.set_defaults(run="keras_hadamard.cli.search:run", environment=environment)


def settings_module() -> ModuleType:
    """The settings of a search, imported without `keras_hadamard`, which would import Keras."""
    package = "_keras_hadamard_search"
    if package not in sys.modules:
        spec = find_spec("keras_hadamard")
        folders = spec.submodule_search_locations if spec else None
        if not folders:
            raise ImportError("There is no package keras_hadamard.")
        own = ModuleSpec(package, None, is_package=True)
        own.submodule_search_locations = [str(Path(folders[0]) / "search")]
        sys.modules[package] = module_from_spec(own)
    return importlib.import_module(f"{package}.settings")


def add(parser: argparse.ArgumentParser, field: "Field[Any]") -> None:
    """Adds the option of a field."""
    about, kind = field.metadata, field.metadata["kind"]
    help_ = about["help"].replace("%", "%%")
    if field.default is MISSING:
        parser.add_argument(field.name, help=help_)
        return
    options: dict[str, Any] = {"dest": field.name, "default": None}
    if kind.flag:
        options |= {"action": "store_true"}
    elif kind.choices:
        options |= {"choices": kind.choices}
    else:
        options |= {"type": reader(kind), "metavar": kind.metavar}
    if kind.repeated:
        options |= {"action": "append"}
    shown = about.get("shown", None if field.default is None else _shown(field.default))
    if shown and not kind.flag:
        help_ += f"; default: {shown}".replace("%", "%%")
    flag = about.get("flag", field.name).replace("_", "-")
    parser.add_argument(f"--{flag}", help=help_, **options)


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def reader(kind: Any) -> Callable[[str], Any]:
    """The function by which argparse reads a value; its error names what was expected."""

    def read(text: str) -> Any:
        try:
            value = kind.read(text)
            fits = kind.repeated or kind.check(value)
        except ValueError:
            fits = False
        if not fits:
            raise argparse.ArgumentTypeError(f"expected {kind.expected}. Received: {text!r}")
        return value

    return read


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were typed, by their names."""
    found = {}
    for field in fields(settings_module().SearchSettings):
        value = getattr(arguments, field.name, None)
        if value is None or value is False:
            continue
        found[field.name] = dict(value) if field.metadata["kind"].repeated else value
    return found
