"""Writing of an adapter to a file."""

import os
from pathlib import Path

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard.adapters._file import AdapterFile
from keras_hadamard.adapters._fingerprint import fingerprint
from keras_hadamard.adapters.adapted_model import AdaptedModel


def save_adapter(
    model: AdaptedModel, filepath: str | os.PathLike[str], name: str | None = None
) -> None:
    """Writes the weights of an adapter, its description and the fingerprint of its base.

    The file has the format `.safetensors`, with the description in the metadata, and without the
    base. The fingerprint is a hash of all weights of the base, by which `load_adapter` recognizes
    it.

    Args:
        model: `AdaptedModel`.
        filepath: Path of the file. An existing file is replaced.
        name: String, the name of the adapter, or None for the active one. Defaults to `None`.

    Raises:
        ValueError: If the model is not adapted, or there is no such adapter.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.LoHa(rank=2))
    >>> adapters.save_adapter(adapted, "flowers.safetensors")
    >>> adapters.load_adapter(model, "flowers.safetensors").active
    ['default']
    """
    if not isinstance(model, AdaptedModel):
        raise received("a model that `apply` returned", model=model)
    if name is None and len(model.active) != 1:
        raise received("`name` of an adapter, unless exactly one is active", active=model.active)
    name = model.active[0] if name is None else name
    if name not in model.adapters:
        raise received(f"`name` to be one of {list(model.adapters)}", name=name)
    adapter = model.adapters[name]
    weights = []
    for place in adapter.places:
        adapters = [(adapter.adapter, adapter.at(place) or {})]
        ((_, values),) = model.adaptable_kernels[place].with_unmerge_state(adapters)
        weights.append({key: ops.convert_to_numpy(value) for key, value in values.items()})
    file = AdapterFile(
        name,
        adapter.adapter,
        {place: model.adaptable_kernels[place].kernel.path for place in adapter.places},
        dict(zip(adapter.places, weights, strict=True)),
        fingerprint(model.model),
    )
    file.write(Path(filepath))
