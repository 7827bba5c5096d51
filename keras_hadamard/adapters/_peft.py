"""PEFT's adapters, as its `save_pretrained` writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.kernels import is_depthwise
from keras_hadamard.adapters._adaptable_kernel import AdaptableKernel
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._file import AdapterFile
from keras_hadamard.adapters._modules import Groups, adapter_files, checked_modules
from keras_hadamard.adapters._peft_base import (
    Change,
    base_changes,
    normalisation_changes,
    normalisations,
)
from keras_hadamard.adapters._peft_config import PeftConfig
from keras_hadamard.adapters._peft_names import Module, by_module
from keras_hadamard.adapters._tensors import read_tensors
from keras_hadamard.adapters._torch_layout import our_weight
from keras_hadamard.adapters.adapted_model import AdaptedModel
from keras_hadamard.adapters.ia3 import IA3
from keras_hadamard.adapters.loha import LoHa
from keras_hadamard.adapters.lokr import LoKr


def read_peft(
    path: Path, adapted: AdaptedModel, modules: Mapping[str, str] | None, name: str
) -> tuple[list[AdapterFile], list[Change]]:
    """The adapters of a file, one for all modules of a kind, and the new weights of the base."""
    folder = path if path.is_dir() else path.parent
    tensors, _ = read_tensors(folder / "adapter_model.safetensors" if path.is_dir() else path)
    config = PeftConfig.read(folder)
    found = by_module(tensors)
    kernels = {adaptable.kernel.path: adaptable for adaptable in adapted.adaptable_kernels}
    norms = normalisations(adapted.model)
    chosen = _checked(modules, found, kernels, norms)
    changes: list[Change] = []
    groups: Groups = {}
    for key, module in chosen.items():
        new = found[module]
        if key not in kernels:
            changes += normalisation_changes(key, norms[key], new.base)
            continue
        adaptable = kernels[key]
        mine = base_changes(adaptable, new.base, bool(config.values.get("fan_in_fan_out")))
        changes += mine
        if new.adapter:
            adapter = config.adapter(module, new.adapter)
            _check_adaptable(adaptable, adapter, new.adapter)
            kernel = next((v for var, v in mine if var is adaptable.kernel.variable), None)
            kernel = adaptable.kernel.variable if kernel is None else kernel
            groups.setdefault(adapter, {})[adaptable.kernel.place] = {
                ours: our_weight(ours, array, adaptable, adapter, new.adapter, kernel)
                for ours, array in new.adapter.items()
            }
    if changes and adapted.adapters:
        raise received(
            "a model without adapters, as the file has weights of the base itself, which others "
            "share: load this one first",
            adapters=list(adapted.adapters),
        )
    return adapter_files(adapted, name, groups), changes


def _checked(
    modules: Mapping[str, str] | None,
    found: Mapping[str, Module],
    kernels: Mapping[str, Any],
    norms: Mapping[str, Any],
) -> Mapping[str, str]:
    paths = [*kernels, *norms]
    chosen = checked_modules(modules, found, paths, "kernels or normalisations")
    adapted = [key for key in chosen if key not in kernels and found[chosen[key]].adapter]
    if adapted:
        raise received(
            "`modules` that name kernels for the adapted modules",
            modules={k: chosen[k] for k in adapted},
        )
    return chosen


def _check_adaptable(
    adaptable: AdaptableKernel, adapter: Adapter, tensors: dict[str, np.ndarray]
) -> None:
    """Raises if PEFT's adapter computes something that ours cannot."""
    adaptable.check(adapter)
    layer, path = adaptable.kernel.layer, adaptable.kernel.path
    groups = getattr(layer, "groups", 1)
    if is_depthwise(adaptable.kernel.variable, layer):
        groups = int(adaptable.kernel.shape[-2])
    # LoHa and LoKr have the kernel's own shape, and so do scales of outputs.
    fits = isinstance(adapter, (LoHa, LoKr)) or (
        isinstance(adapter, IA3) and not adapter.feedforward
    )
    if groups > 1 and not fits:
        raise received(
            f"{path!r} to be a convolution of one group: PEFT's update mixes the inputs of all "
            "groups, which no kernel can; train it with LoHa or LoKr, or without this module",
            adapter=adapter,
            groups=groups,
        )
    whole = tensors.get("w2")
    if isinstance(adapter, LoKr) and whole is not None and whole.ndim == 3:
        raise received(
            f"{path!r} to be no Conv1D with a whole `lokr_w2`: PEFT's product of it mixes "
            "positions and channels, which is not a Kronecker product; merge it in PEFT and take "
            "over the weights",
            lokr_w2=whole.shape,
        )
    if "bias" in tensors and adaptable.bias is None and adaptable.linear_view is None:
        raise received(
            f"{path!r} to have a bias, which `lora_bias` adds to: make the layer with "
            "`use_bias=True`, its bias zero",
            lora_bias=True,
            layer=layer,
        )
