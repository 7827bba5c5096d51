"""The names that LyCORIS gives to the tensors of a file."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.adapters._torch_layout import HADAMARD, KRONECKER

# Our weights by the suffix of LyCORIS's names, for each kind of module.
_KINDS = {
    "LoRA": {"lora_down.weight": "a", "lora_up.weight": "b"},
    "LoHa": HADAMARD,
    "LoKr": KRONECKER,
}
# Weights that a module of any kind may have.
_COMMON = {"alpha": "alpha", "dora_scale": "magnitude"}
# The other tensors that LyCORIS writes, with their algorithm or option.
_OTHERS = {
    **dict.fromkeys(("diff", "diff_b"), "`algo=full`, whole matrices"),
    **dict.fromkeys(("w_norm", "b_norm"), "`train_norm`, weights of normalisations"),
    **dict.fromkeys(("oft_blocks", "rescale"), "`algo=diag-oft` or `boft`, rotations"),
    **dict.fromkeys(("a1.weight", "a2.weight", "b1.weight", "b2.weight", "bm.weight"), "GLoRA"),
    **dict.fromkeys(("on_input", "weight"), "`algo=ia3`, scales"),
    **dict.fromkeys(("q_layer.weight", "p_layer.weight", "lambda_layer"), "T-LoRA"),
    "lora_mid.weight": "LoRA with a core, as `use_tucker` makes it",
    "scalar": "`use_scalar`, which is not yet multiplied into a factor",
}
_PREFIX = re.compile(r"(lycoris|lora_unet|lora_te\d?)_")


class Module(NamedTuple):
    """The kind of a module, and its tensors by our names."""

    kind: str
    tensors: dict[str, np.ndarray]


def is_lycoris(keys: Iterable[str]) -> bool:
    """Whether tensors of these names come from a file that LyCORIS wrote."""
    return any(_PREFIX.match(key) or key.endswith(".alpha") for key in keys)


def by_module(tensors: Mapping[str, np.ndarray]) -> dict[str, Module]:
    """The modules of a file, by their names in it."""
    kinds: dict[str, str] = {}
    found: dict[str, dict[str, np.ndarray]] = {}
    refused: dict[str, str] = {}
    for key, array in tensors.items():
        ours = _ours(key)
        if ours is None:
            refused[key] = _OTHERS.get(key.partition(".")[2], "tensors of other names")
            continue
        module, kind, weight = ours
        found.setdefault(module, {})[weight] = array
        if kind is not None:
            kinds.setdefault(module, kind)
    if refused:
        others = "; ".join(sorted(set(refused.values())))
        raise received(
            f"a LyCORIS file of LoRA, LoHa and LoKr, without {others}",
            tensors=sorted(refused),
        )
    if set(kinds) != set(found):
        raise received(
            "factors of LoRA, LoHa or LoKr for each module",
            without=sorted(set(found) - set(kinds)),
        )
    return {module: Module(kinds[module], weights) for module, weights in found.items()}


def whole_names(modules: Any, found: Iterable[str]) -> Any:
    """The modules as the file names them: without dots, and with a prefix."""
    if not isinstance(modules, Mapping):
        return modules
    short: dict[str, list[str]] = {}
    for name in found:
        short.setdefault(_PREFIX.sub("", name, count=1).replace(".", "_"), []).append(name)
    whole = {}
    for path, module in modules.items():
        names = short.get(str(module).replace(".", "_"), [])
        if len(names) > 1 and module not in names:
            raise received(f"the whole name of one of {names}", **{path: module})
        whole[path] = module if module in found or not names else names[0]
    return whole


def _ours(key: str) -> tuple[str, str | None, str] | None:
    """The module of a tensor, its kind if the tensor tells it, and our name of the weight."""
    for kind, names in [*_KINDS.items(), (None, _COMMON)]:
        for ending, weight in names.items():
            if key.endswith(f".{ending}"):
                return key.removesuffix(f".{ending}"), kind, weight
    return None
