"""Mapping from modules of another library's file to kernels, and the adapters of these."""

from collections.abc import Iterable, Mapping

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._file import AdapterFile
from keras_hadamard.adapters.adapted_model import AdaptedModel
from keras_hadamard.adapters.ia3 import IA3

# The weights of an adapter, by the positions of kernels.
Groups = dict[Adapter, dict[int, dict[str, np.ndarray]]]


def checked_modules(
    modules: Mapping[str, str] | None, found: Iterable[str], paths: list[str], kinds: str
) -> Mapping[str, str]:
    """The modules by paths, if every module in the file is assigned to one of the paths."""
    found = sorted(found)
    if not isinstance(modules, Mapping) or not set(modules) <= set(paths):
        raise received(
            f"`modules` that name one of {found} for {kinds} among {paths}", modules=modules
        )
    if sorted(modules.values()) != found:
        missing = sorted(set(found) - set(modules.values()))
        raise received(f"`modules` of each of {found}, once", modules=modules, missing=missing)
    return modules


def adapter_files(adapted: AdaptedModel, name: str, groups: Groups) -> list[AdapterFile]:
    """The files that `save_adapter` would write for these adapters, with similar names."""
    paths = {
        adaptable.kernel.place: adaptable.kernel.path for adaptable in adapted.adaptable_kernels
    }
    return [
        AdapterFile(as_name, adapter, {place: paths[place] for place in weights}, weights, "")
        for as_name, (adapter, weights) in zip(
            _names(name, list(groups)), groups.items(), strict=True
        )
    ]


def _names(name: str, adapters: list[Adapter]) -> list[str]:
    """The name, and numbered ones where modules differ in rank, alpha or side."""
    sides = {True: f"{name}_feedforward", False: name}
    if all(isinstance(adapter, IA3) for adapter in adapters):
        return [sides[isinstance(a, IA3) and a.feedforward] for a in adapters]
    return [name if place == 1 else f"{name}_{place}" for place in range(1, len(adapters) + 1)]
