"""Loading of a checkpoint into a model: completely or not at all."""

from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import one_of
from keras_hadamard.models import _mismatch
from keras_hadamard.models._checkpoint import Entry, entries
from keras_hadamard.models._state_dict import array, state_dict

# The classifier's weights are loaded, or the model's own are kept.
HEADS = ("load", "fresh")


def load(model: Any, source: Any, head: str, ema: bool) -> None:
    """Loads a state dict, or a file of one, with the mapping of the model that fits it best.

    Raises:
        ValueError: If the file cannot be read, or anything does not fit.
    """
    one_of("head", head, HEADS)
    choices = [entries(mapping) for mapping in model.torch_mappings()]
    state = state_dict(source, ema)
    wanted = max(choices, key=lambda choice: sum(entry.name in state for entry in choice))
    top = _of_top(model, wanted)
    if head == "fresh":
        wanted = [entry for entry in wanted if entry not in top]
    names = {entry.name for entry in wanted}
    ignored = model.torch_unused + (model.torch_head if _lacks_head(model, top, head) else ())
    given = {name for name in state if name in names or not name.startswith(ignored)}
    _mismatch.check_names(type(model).__name__, names, given, {entry.name for entry in top})
    _assign(wanted, {name: array(state[name]) for name in names}, top)


def _of_top(model: keras.Model, wanted: list[Entry]) -> list[Entry]:
    """The entries of the classifier: only their shapes depend on the number of classes."""
    layers = [layer for layer in model.layers if layer.name == "predictions"]
    own = {id(variable) for layer in layers for variable in layer.variables}
    return [entry for entry in wanted if id(entry.variable) in own]


def _lacks_head(model: Any, top: list[Entry], head: str) -> bool:
    return head == "fresh" if top else not model.arguments.get("include_top", True)


def _assign(wanted: list[Entry], arrays: dict[str, Any], top: list[Entry]) -> None:
    values, unfit = [], []
    for entry in wanted:
        try:
            value = np.asarray(entry.convert(arrays[entry.name]))
        except Exception:  # The exception for another rank depends on the op.
            value = None
        if value is None or value.shape != tuple(entry.variable.shape):
            unfit.append(entry)
        values.append(value)
    if unfit:
        shapes = {name: found.shape for name, found in arrays.items()}
        raise _mismatch.of_shapes(unfit, shapes, top)
    for entry, value in zip(wanted, values, strict=True):
        entry.variable.assign(value)
