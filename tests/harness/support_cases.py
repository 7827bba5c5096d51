"""What the support table has rows of: each public layer, and each published model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from harness.layer_cases import LayerCase, all_cases
from harness.tiny_models import TINY, Tiny
from keras_hadamard import models

LAYER, MODEL = "layer", "model"


@dataclass(frozen=True)
class SupportCase:
    """A model to be written in every format, and rows of its inputs."""

    kind: str
    model: Callable[[], keras.Model]
    arrays: Callable[[int], Any]

    def examples(self, model: keras.Model, rows: int) -> dict[str, np.ndarray]:
        """Rows by the names of the model's inputs."""
        arrays = self.arrays(rows)
        if isinstance(arrays, dict):
            return arrays
        flat = arrays if isinstance(arrays, list) else [arrays]
        return dict(zip([x.name for x in model.inputs], flat, strict=True))


def support_cases() -> dict[str, SupportCase]:
    """The layers in their first configuration, then the models in theirs, each by its name."""
    layers = first_cases(all_cases())
    published = first_cases(TINY)
    return {
        **{name: _of_layer(case) for name, case in layers.items()},
        **{name: _of_model(name, tiny) for name, tiny in published.items()},
    }


def first_cases(cases: dict[str, Any]) -> dict[str, Any]:
    """The first case of each name before a dash, by that name."""
    found: dict[str, Any] = {}
    for name, case in cases.items():
        found.setdefault(name.split("-")[0], case)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _of_layer(case: LayerCase) -> SupportCase:
    return SupportCase(LAYER, case.model, case.arrays)


def _of_model(name: str, tiny: Tiny) -> SupportCase:
    kwargs = dict(tiny.kwargs)
    # Devices know the size of their pictures.
    if None in kwargs.get("input_shape", ()):
        kwargs["input_shape"] = tiny.shape if isinstance(tiny.shape, tuple) else tiny.shape["image"]

    return SupportCase(MODEL, lambda: getattr(models, name)(**kwargs), tiny.inputs)
