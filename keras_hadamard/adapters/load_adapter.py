"""An adapter from a file, on its base."""

import os
from collections.abc import Mapping
from pathlib import Path

import keras

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.copies import copy_of
from keras_hadamard.adapters._file import AdapterFile
from keras_hadamard.adapters._fingerprint import fingerprint
from keras_hadamard.adapters._lycoris import read_lycoris
from keras_hadamard.adapters._lycoris_names import is_lycoris
from keras_hadamard.adapters._peft import read_peft
from keras_hadamard.adapters._peft_base import Change
from keras_hadamard.adapters._tensors import read_tensors
from keras_hadamard.adapters.adapted_model import AdaptedModel


def load_adapter(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    name: str | None = None,
    *,
    modules: Mapping[str, str] | None = None,
) -> AdaptedModel:
    """Returns a copy of a model with the adapter of a file, which becomes the active one.

    The file is one that `save_adapter` wrote, for a base with exactly the same weights. Or it is
    one of another library; `modules` then maps kernels to modules of the PyTorch model, and only
    shapes are checked, as there is no fingerprint:

    - PEFT's `adapter_model.safetensors`, with `adapter_config.json` in the same folder, of the
      types LoRA (with or without DoRA), LoHa, LoKr, HiRA, VeRA and (IA)^3. Weights that replace the
      base's own, from the options `bias` and `modules_to_save`, are put into the base,
      `adapted.model`; `modules` then names those kernels and normalisations too.
    - A `.safetensors` file that LyCORIS or one of kohya's trainers wrote, with LoRA, LoHa and LoKr,
      the first two also with a `dora_scale`. Modules are named by their path, `"encoder.dense"`, or
      by the name in the file, `"lycoris_encoder_dense"`. The outputs are those with which LyCORIS
      trained: in version 4.1.3, its own `merge_to` of LoHa and LoKr multiplies by `alpha / rank`
          twice.

    Modules with other ranks or alphas become separate adapters, `<name>_2` and so on, and the input
    scales of (IA)^3 become `<name>_feedforward`; all are active. Options without a counterpart here
    are refused by name.

    Args:
        model: `keras.Model` that is built; or an `AdaptedModel`, which gets the adapter without a
            copy.
        filepath: Path of the file, or of the folder of a PEFT adapter.
        name: String, a name for the adapter, or None for the one in the file. Defaults to `None`.
        modules: Dict of the names of PyTorch modules by the paths of kernels, such as
            `{"dense/kernel": "encoder.dense"}`, or of normalisation layers, such as
            `{"norm": "encoder.norm"}`, for a file of another library. Defaults to `None`.

    Returns:
        An `AdaptedModel`. A new one is not compiled.

    Raises:
        ValueError: If the base differs, the shapes do not fit, the file has another format, or
            something in it cannot be mapped; or if it has weights of the base, and the model has
            other adapters.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.IA3(), name="leaves")
    >>> adapters.save_adapter(adapted, "leaves.safetensors")
    >>> again = adapters.load_adapter(model, "leaves.safetensors")
    >>> again = adapters.load_adapter(again, "leaves.safetensors", name="more")
    >>> list(again.adapters), again.active
    (['leaves', 'more'], ['more'])
    """
    path = Path(filepath)
    own = None if path.is_dir() else AdapterFile.read(path)
    adapted = model if isinstance(model, AdaptedModel) else AdaptedModel(copy_of(model))
    changes: list[Change] = []
    if own is None:
        tensors = {} if path.is_dir() else read_tensors(path)[0]
        if is_lycoris(tensors):
            files = read_lycoris(tensors, adapted, modules, name or "default")
        else:
            files, changes = read_peft(path, adapted, modules, name or "default")
    else:
        if modules is not None:
            raise received(
                "no `modules`, which are only for the adapters of other libraries", modules=modules
            )
        base = fingerprint(adapted.model)
        if own.base != base:
            raise received(
                "the model that the adapter was trained on, with the same weights: its fingerprint "
                f"is {own.base[:12]}",
                fingerprint=base[:12],
            )
        files = [own]
    for file in files:
        file.check(adapted.adaptable_kernels)
    names = [file.name if own is None or name is None else name for file in files]
    taken = [as_name for as_name in names if as_name in adapted.adapters]
    if taken:
        raise received(f"`name` that differs from {list(adapted.adapters)}", names=names)
    for variable, value in changes:
        variable.assign(value)
    for as_name, file in zip(names, files, strict=True):
        adapted.add(as_name, file.adapter, list(file.weights))
        made = adapted.adapters[as_name]
        for place, variables in zip(made.places, made.by_place, strict=True):
            for key, variable in variables.items():
                variable.assign(file.weights[place][key])
    adapted.activate(*names)
    return adapted
