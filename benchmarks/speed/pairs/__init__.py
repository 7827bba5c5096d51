"""Layers of ours and the same equations in plain Keras, one module a family of layers."""

import importlib
import pkgutil

from benchmarks.speed.pairs._pair import Pair


def all_pairs() -> dict[str, Pair]:
    found: dict[str, Pair] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            found |= importlib.import_module(f"{__name__}.{module.name}").PAIRS
    return found
