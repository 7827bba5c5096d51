"""PEFT's adapters, as its `save_pretrained` writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard._checks import received
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._file import AdapterFile
from keras_hadamard.adapters._peft_base import (
    Change,
    normalisation_changes,
    normalisations,
    site_changes,
)
from keras_hadamard.adapters._peft_config import PeftConfig
from keras_hadamard.adapters._peft_layout import check_site, our_weight
from keras_hadamard.adapters._peft_names import Module, by_module
from keras_hadamard.adapters._tensors import read_tensors
from keras_hadamard.adapters.adapted_model import AdaptedModel
from keras_hadamard.adapters.ia3 import IA3

_Weights = dict[str, np.ndarray]


def read_peft(
    path: Path, adapted: AdaptedModel, modules: Mapping[str, str] | None, name: str
) -> tuple[list[AdapterFile], list[Change]]:
    """The adapters of a file, one for all modules of a kind, and the new weights of the base."""
    folder = path if path.is_dir() else path.parent
    tensors, _ = read_tensors(folder / "adapter_model.safetensors" if path.is_dir() else path)
    config = PeftConfig.read(folder)
    found = by_module(tensors)
    kernels = {site.kernel.path: site for site in adapted.sites}
    norms = normalisations(adapted.model)
    chosen = _checked(modules, found, kernels, norms)
    changes: list[Change] = []
    groups: dict[Adapter, dict[int, _Weights]] = {}
    for key, module in chosen.items():
        new = found[module]
        if key not in kernels:
            changes += normalisation_changes(key, norms[key], new.base)
            continue
        site = kernels[key]
        mine = site_changes(site, new.base, bool(config.values.get("fan_in_fan_out")))
        changes += mine
        if new.adapter:
            adapter = config.adapter(module, new.adapter)
            check_site(site, adapter, new.adapter)
            kernel = next((v for var, v in mine if var is site.kernel.variable), None)
            kernel = site.kernel.variable if kernel is None else kernel
            groups.setdefault(adapter, {})[site.kernel.place] = {
                ours: our_weight(ours, array, site, adapter, new.adapter, kernel)
                for ours, array in new.adapter.items()
            }
    if changes and adapted.adapters:
        raise received(
            "a model without adapters, as the file has weights of the base itself, which others "
            "share: load it first",
            adapters=list(adapted.adapters),
        )
    names = _names(name, list(groups))
    paths = {site.kernel.place: site.kernel.path for site in adapted.sites}
    return [
        AdapterFile(as_name, adapter, {place: paths[place] for place in weights}, weights, "")
        for as_name, (adapter, weights) in zip(names, groups.items(), strict=True)
    ], changes


def _checked(
    modules: Mapping[str, str] | None,
    found: Mapping[str, Module],
    kernels: Mapping[str, Any],
    norms: Mapping[str, Any],
) -> Mapping[str, str]:
    paths = [*kernels, *norms]
    if not isinstance(modules, Mapping) or not set(modules) <= set(paths):
        raise received(
            f"`modules` that name one of {sorted(found)} for kernels or normalisations among "
            f"{paths}",
            modules=modules,
        )
    if sorted(modules.values()) != sorted(found):
        missing = sorted(set(found) - set(modules.values()))
        raise received(
            f"`modules` of each of {sorted(found)}, once", modules=modules, missing=missing
        )
    adapted = [key for key in modules if key not in kernels and found[modules[key]].adapter]
    if adapted:
        raise received(
            "`modules` that name kernels for what is adapted",
            modules={k: modules[k] for k in adapted},
        )
    return modules


def _names(name: str, adapters: list[Adapter]) -> list[str]:
    """The name, and others like it where modules have ranks, alphas or sides of their own."""
    sides = {True: f"{name}_feedforward", False: name}
    if all(isinstance(adapter, IA3) for adapter in adapters):
        return [sides[isinstance(a, IA3) and a.feedforward] for a in adapters]
    return [name if place == 1 else f"{name}_{place}" for place in range(1, len(adapters) + 1)]
