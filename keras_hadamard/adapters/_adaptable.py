"""Which kernels of a model an adapter can have."""

from typing import Any

import keras

from keras_hadamard._core.introspection.kernels import chosen_kernels
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._merged import ENDINGS
from keras_hadamard.adapters._site import Site
from keras_hadamard.adapters.adapted_model import AdaptedModel


def adaptable_sites(model: keras.Model, adapter: Adapter, target: Any) -> list[Site]:
    """The kernels of the target, as `apply` takes it, for which `apply` would not refuse it."""
    base = model.model if isinstance(model, AdaptedModel) else model
    sites = [Site(kernel) for kernel in chosen_kernels(base, target, None, ENDINGS)]
    return [site for site in sites if _fits(site, adapter)]


def _fits(site: Site, adapter: Adapter) -> bool:
    try:
        site.check(adapter)
    except ValueError:
        return False
    return True
