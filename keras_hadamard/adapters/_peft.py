"""PEFT's adapters, as its `save_pretrained` writes them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._checks import received
from keras_hadamard._reading import reading
from keras_hadamard.adapters import _safetensors
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._file import AdapterFile
from keras_hadamard.adapters._site import Site
from keras_hadamard.adapters.dora import DoRA
from keras_hadamard.adapters.hira import HiRA
from keras_hadamard.adapters.ia3 import IA3
from keras_hadamard.adapters.loha import LoHa
from keras_hadamard.adapters.lora import LoRA

# The names of a module's tensors, once `.weight` is gone, and of our weights.
_NAMES = {
    "lora_A": "a",
    "lora_B": "b",
    "lora_embedding_A": "a",
    "lora_embedding_B": "b",
    "lora_magnitude_vector": "magnitude",
    "hira_A": "a",
    "hira_B": "b",
    "hira_embedding_A": "a",
    "hira_embedding_B": "b",
    "hada_w1_a": "b1",
    "hada_w1_b": "a1",
    "hada_w2_a": "b2",
    "hada_w2_b": "a2",
    "hada_t1": "t1",
    "hada_t2": "t2",
    "ia3_l": "scale",
}


def read_peft(
    path: Path, sites: list[Site], modules: Mapping[str, str] | None, name: str
) -> list[AdapterFile]:
    """The adapters of a file, one, or two of (IA)^3."""
    folder = path if path.is_dir() else path.parent
    tensors, _ = _safetensors.read(folder / "adapter_model.safetensors" if path.is_dir() else path)
    found = _by_module(tensors)
    described = folder / "adapter_config.json"
    if not described.exists():
        raise received("`adapter_config.json` beside the file, as PEFT writes it", path=str(path))
    with reading(described, "the description of a PEFT adapter"):
        config = dict(json.loads(described.read_text(encoding="utf-8")))
    paths = {site.kernel.path: site for site in sites}
    if not isinstance(modules, Mapping) or not set(modules) <= set(paths):
        raise received(
            f"`modules` that name one of {sorted(found)} for kernels among {list(paths)}",
            modules=modules,
        )
    if sorted(modules.values()) != sorted(found):
        raise received(f"`modules` of each of {sorted(found)}, once", modules=modules)
    groups: dict[Adapter, dict[int, dict[str, np.ndarray]]] = {}
    for kernel, module in modules.items():
        site = paths[kernel]
        with reading(described, "the description of a PEFT adapter"):
            adapter = _description(config, module, found[module])
        weights = {key: _ours(key, array, site, adapter) for key, array in found[module].items()}
        groups.setdefault(adapter, {})[site.kernel.place] = weights
    if len(groups) > 1 and config["peft_type"] != "IA3":
        raise received("one rank and one alpha for all modules", adapters=list(groups))
    return [
        AdapterFile(
            f"{name}_feedforward" if getattr(adapter, "feedforward", False) else name,
            adapter,
            {place: sites[place].kernel.path for place in weights},
            weights,
            "",
        )
        for adapter, weights in groups.items()
    ]


def _by_module(tensors: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    found: dict[str, dict[str, np.ndarray]] = {}
    unknown = []
    for key, array in tensors.items():
        short = key.removeprefix("base_model.model.").removesuffix(".weight")
        module, _, name = short.rpartition(".")
        if name in _NAMES:
            found.setdefault(module, {})[_NAMES[name]] = array
        else:
            unknown.append(key)
    if unknown or not found:
        raise received(
            "a PEFT adapter of LoRA, DoRA, LoHa, HiRA or (IA)^3, without biases or other modules",
            tensors=unknown or list(tensors),
        )
    return found


def _description(config: dict[str, Any], module: str, tensors: dict[str, np.ndarray]) -> Adapter:
    kind = config["peft_type"]
    if kind == "IA3":
        names = config.get("feedforward_modules") or []
        return IA3(feedforward=any(module == n or module.endswith(f".{n}") for n in names))
    if kind == "LOHA":
        rank = tensors["a1"].shape[0]
        return LoHa(rank, _pattern(config, "alpha", module), tucker="t1" in tensors)
    if kind == "HIRA":
        return HiRA(tensors["a"].shape[0])
    if kind != "LORA":
        raise received("`peft_type` LORA, LOHA, HIRA or IA3", peft_type=kind)
    rank = tensors["a"].shape[0]
    alpha = _pattern(config, "lora_alpha", module)
    if config.get("use_rslora"):
        alpha *= rank**0.5
    return DoRA(rank, alpha) if "magnitude" in tensors else LoRA(rank, alpha)


def _pattern(config: dict[str, Any], key: str, module: str) -> float:
    """An alpha, of the module if it has one of its own."""
    for name, value in (config.get("alpha_pattern") or {}).items():
        if module == name or module.endswith(f".{name}"):
            return float(value)
    return float(config[key])


def _ours(key: str, array: np.ndarray, site: Site, adapter: Adapter) -> np.ndarray:
    """A tensor in our layout: inputs first, positions before the inputs."""
    array = np.asarray(array, "float32")
    if key == "magnitude":
        kernel = ops.convert_to_numpy(site.to_matrix(site.kernel.variable)).astype("float64")
        return array.reshape(-1) - np.linalg.norm(kernel, axis=0)
    if key == "scale":
        return array.reshape(-1)
    rank = array.shape[0]
    if key.startswith("t"):
        return array.reshape(rank, rank, -1)
    if key.startswith("b"):
        if isinstance(adapter, LoHa) and adapter.tucker:
            return array  # (rank, outputs) in this form alone.
        return array.reshape(array.shape[0], -1).T
    if isinstance(adapter, LoHa) and adapter.tucker:
        return array.T
    # (rank, inputs, *window), flat or not.
    windows = array.reshape(rank, site.view.inputs, -1) if _fits(array, site) else array
    return windows.transpose(2, 1, 0).reshape(-1, rank) if windows.ndim == 3 else windows.T


def _fits(array: np.ndarray, site: Site) -> bool:
    return array.size == array.shape[0] * site.view.rows
