"""Kernels of a model that an adapter can change."""

from typing import Any

import keras

from keras_hadamard._core.introspection.kernels import chosen_kernels
from keras_hadamard.adapters._adaptable_kernel import AdaptableKernel
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._merged import ENDINGS
from keras_hadamard.adapters.adapted_model import AdaptedModel


def adaptable_kernels(model: keras.Model, adapter: Adapter, target: Any) -> list[AdaptableKernel]:
    """The kernels of the target, as in `apply`, on which `apply` would accept the adapter."""
    base = model.model if isinstance(model, AdaptedModel) else model
    found = [AdaptableKernel(kernel) for kernel in chosen_kernels(base, target, None, ENDINGS)]
    return [adaptable for adaptable in found if _fits(adaptable, adapter)]


def _fits(adaptable: AdaptableKernel, adapter: Adapter) -> bool:
    try:
        adaptable.check(adapter)
    except ValueError:
        return False
    return True
