"""timm's names for the parts of a FocalNet."""

import re
from collections.abc import Mapping
from typing import Any

import keras

from keras_hadamard.models._checkpoint import pointwise


def timm_names(authors: Mapping[str, Any], post_norm: bool) -> dict[str, Any]:
    """The mapping with timm's names instead of the authors'.

    In timm, the downsampling starts a stage, where in the authors' code it ends one, and the blocks
    have convolutions instead of linear layers.
    """
    mapping: dict[str, Any] = {}
    for theirs, target in authors.items():
        name = _renamed(theirs, post_norm)
        if ".blocks." in name and isinstance(target, keras.layers.Dense):
            mapping[f"{name}.weight"] = (target.kernel, pointwise)
            if target.bias is not None:
                mapping[f"{name}.bias"] = target.bias
        else:
            mapping[name] = target
    return mapping


def _renamed(name: str, post_norm: bool) -> str:
    name = re.sub(r"^patch_embed\.", "stem.", name)
    name = re.sub(
        r"^layers\.(\d+)\.downsample",
        lambda found: f"layers.{int(found[1]) + 1}.downsample",
        name,
    )
    name = re.sub(r"\.gamma_(\d)$", r".ls\1.gamma", name)
    name = re.sub(r"\.modulation\.ln$", ".modulation.norm", name)
    if post_norm:
        name = re.sub(r"\.norm(\d)$", r".norm\1_post", name)
    return "head.fc" if name == "head" else name
