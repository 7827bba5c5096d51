"""The weights of one adapter in a model."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._export import serializable
from keras_hadamard.adapters._adapter import Adapter, Weights
from keras_hadamard.adapters._site import Site


@serializable
class AdapterWeights(keras.layers.Layer):
    """An adapter, and its weights for each of some kernels, by their places in the model."""

    def __init__(self, adapter: Adapter, sites: list[Site], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapter = adapter
        self.places = [site.kernel.place for site in sites]
        for site in sites:
            site.check(adapter)
        # Always in full precision: who uses them casts.
        self.by_place = [
            {
                name: self.add_weight(
                    name=f"{name}_{site.kernel.place}",
                    shape=new.shape,
                    initializer=new.initializer,
                    dtype=site.kernel.layer.variable_dtype,
                    autocast=False,
                )
                for name, new in adapter.new_weights(site.view).items()
            }
            for site in sites
        ]
        self.built = True

    def start(self, sites: list[Site]) -> None:
        """Sets what starts from the kernels."""
        for site, weights in zip(sites, self.by_place, strict=True):
            if not self.adapter.starts_from_kernel:
                return
            kernel = ops.convert_to_numpy(site.to_matrix(site.kernel.variable))
            for name, value in self.adapter.start_values(kernel.astype(np.float64)).items():
                weights[name].assign(value)

    def at(self, place: int) -> Weights | None:
        """The weights for a kernel, as tensors, or None if it has none."""
        if place not in self.places:
            return None
        weights = self.by_place[self.places.index(place)]
        return {name: ops.convert_to_tensor(value) for name, value in weights.items()}
