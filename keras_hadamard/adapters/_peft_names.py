"""The names that PEFT gives to the tensors of a file."""

from typing import NamedTuple

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.adapters._torch_layout import HADAMARD, KRONECKER

Tensors = dict[str, np.ndarray]

# Our weights by the suffix of PEFT's names.
_ADAPTERS = {
    "lora_A.weight": "a",
    "lora_B.weight": "b",
    "lora_B.bias": "bias",
    "lora_embedding_A": "a",
    "lora_embedding_B": "b",
    "lora_magnitude_vector": "magnitude",
    "lora_magnitude_vector.weight": "magnitude",
    "hira_A": "a",
    "hira_B": "b",
    "hira_embedding_A": "a",
    "hira_embedding_B": "b",
    **HADAMARD,
    "ia3_l": "scale",
    **KRONECKER,
    "vera_lambda_d": "d",
    "vera_lambda_b": "b",
}
# Weights that all modules share.
_SHARED = {"base_model.vera_A": "shared_a", "base_model.vera_B": "shared_b"}
# Weights of the modules themselves.
_BASE = ("weight", "bias", "running_mean", "running_var")


class Module(NamedTuple):
    """The weights of an adapter for one module, and those that replace the module's own."""

    adapter: Tensors
    base: Tensors


def by_module(tensors: Tensors) -> dict[str, Module]:
    """The tensors by the names of modules."""
    found: dict[str, Module] = {}
    unknown = []
    shared = {ours: tensors[key] for key, ours in _SHARED.items() if key in tensors}
    for key, array in tensors.items():
        if key in _SHARED:
            continue
        name = key.removeprefix("base_model.model.")
        # With `bias="all"`, the file also has the weights that `modules_to_save` replaced.
        if ".original_module." in name or name.endswith("num_batches_tracked"):
            continue
        ending = next((e for e in (*_ADAPTERS, *_BASE) if name.endswith(f".{e}")), None)
        if ending is None:
            unknown.append(key)
            continue
        module = name.removesuffix(f".{ending}")
        for wrapper in ("base_layer", "modules_to_save"):
            module = module.removesuffix(f".{wrapper}")
        place = found.setdefault(module, Module({}, {}))
        if ending in _ADAPTERS:
            place.adapter[_ADAPTERS[ending]] = array
        else:
            place.base[ending] = array
    if unknown or not any(module.adapter for module in found.values()):
        raise received(
            "tensors of LoRA, DoRA, LoHa, HiRA, LoKr, VeRA or (IA)^3, and of modules themselves",
            tensors=unknown or list(tensors),
        )
    for place in found.values():
        if place.adapter:
            place.adapter.update(shared)
    return found
