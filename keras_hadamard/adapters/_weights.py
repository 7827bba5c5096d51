"""The weights of one adapter in a model."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.serialization import serializable
from keras_hadamard.adapters._adaptable_kernel import AdaptableKernel
from keras_hadamard.adapters._adapter import Adapter, Weights


@serializable
class AdapterWeights(keras.layers.Layer):
    """An adapter, and its weights for some kernels, by their positions in the model."""

    def __init__(
        self, adapter: Adapter, adaptable_kernels: list[AdaptableKernel], **kwargs: Any
    ) -> None:
        if not isinstance(adapter, Adapter):
            raise received(
                "`adapter` to be a LoRA, LoHa, LoKr, HiRA, ABBA, IA3, DoRA or VeRA", adapter=adapter
            )
        super().__init__(**kwargs)
        self.places = [adaptable.kernel.place for adaptable in adaptable_kernels]
        for adaptable in adaptable_kernels:
            adaptable.check(adapter)
        shared = adapter.shared_weights([adaptable.view for adaptable in adaptable_kernels])
        self.shared = {
            name: self.add_weight(
                name=name,
                shape=new.shape,
                initializer=new.initializer,
                dtype=adaptable_kernels[0].kernel.layer.variable_dtype,
                trainable=False,
                autocast=False,
            )
            for name, new in shared.items()
        }
        self.adapter = adapter.sharing(self.shared)
        # Always in full precision: the code that uses them casts.
        self.by_place = [
            {
                name: self.add_weight(
                    name=f"{name}_{adaptable.kernel.place}",
                    shape=new.shape,
                    initializer=new.initializer,
                    dtype=adaptable.kernel.layer.variable_dtype,
                    autocast=False,
                )
                for name, new in adapter.new_weights(adaptable.view).items()
            }
            # So that a file sets them like the others.
            | {name: _Part(variable) for name, variable in self.shared.items()}
            for adaptable in adaptable_kernels
        ]
        self.built = True

    def start(self, adaptable_kernels: list[AdaptableKernel]) -> None:
        """Sets the weights whose initial values depend on the kernels."""
        for adaptable, weights in zip(adaptable_kernels, self.by_place, strict=True):
            if not self.adapter.starts_from_kernel:
                return
            kernel = ops.convert_to_numpy(adaptable.to_matrix(adaptable.kernel.variable))
            for name, value in self.adapter.start_values(kernel.astype(np.float64)).items():
                weights[name].assign(value)

    def at(self, place: int) -> Weights | None:
        """The kernel's own weights, as tensors, or None if it has none."""
        if place not in self.places:
            return None
        weights = self.by_place[self.places.index(place)]
        own = {name: value for name, value in weights.items() if name not in self.shared}
        return {name: ops.convert_to_tensor(value) for name, value in own.items()}

    def description(self) -> dict[str, Any]:
        """The item of the model's configuration that these weights are recreated from."""
        return {
            "name": self.name,
            "adapter": keras.saving.serialize_keras_object(self.adapter),
            "places": list(self.places),
        }


def check_together(
    names: tuple[str, ...],
    adapters: Mapping[str, AdapterWeights],
    adaptable_kernels: list[AdaptableKernel],
) -> None:
    """Raises if the adapters of these names cannot be active together."""
    if not set(names) <= set(adapters) or len(set(names)) < len(names):
        raise received(f"names among the adapters {list(adapters)}, each once", names=names)
    for name in names:
        others = {p for n in names if n != name for p in adapters[n].places}
        shared = others.intersection(adapters[name].places)
        if shared and not adapters[name].adapter.combines:
            path = adaptable_kernels[min(shared)].kernel.path
            raise received(
                f"{name!r} to be the only adapter that is active on {path!r}", names=names
            )


class _Part:
    """The first rows and columns of a shared weight, as many as a kernel's part has."""

    def __init__(self, variable: keras.Variable) -> None:
        self.variable = variable

    def assign(self, value: np.ndarray) -> None:
        whole = ops.convert_to_numpy(self.variable).copy()
        rows, columns = value.shape
        if rows > whole.shape[0] or columns > whole.shape[1]:
            raise received(
                f"a matrix for {self.variable.path!r} of at most {whole.shape}", shape=value.shape
            )
        whole[:rows, :columns] = value
        self.variable.assign(whole)
