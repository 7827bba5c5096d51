"""Content of a file written by `save_adapter`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.reading import reading
from keras_hadamard.adapters._adaptable_kernel import AdaptableKernel
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._tensors import read_tensors, write_tensors

_KEY = "keras_hadamard.adapter"


@dataclass(frozen=True)
class AdapterFile:
    """An adapter, its weights for each kernel by position, and the fingerprint of its base."""

    name: str
    adapter: Adapter
    paths: dict[int, str]
    weights: dict[int, dict[str, np.ndarray]]
    base: str

    def write(self, path: Path) -> None:
        config = {
            "name": self.name,
            "adapter": keras.saving.serialize_keras_object(self.adapter),
            "kernels": {str(place): kernel for place, kernel in self.paths.items()},
            "base": self.base,
        }
        tensors = {
            f"{place}.{name}": array
            for place, weights in self.weights.items()
            for name, array in weights.items()
        }
        write_tensors(path, tensors, {_KEY: json.dumps(config)})

    @staticmethod
    def read(path: Path) -> "AdapterFile | None":
        """The file's content, or None if something else wrote it."""
        tensors, metadata = read_tensors(path)
        if _KEY not in metadata:
            return None
        with reading(path, "a file written by `save_adapter`"):
            config = json.loads(metadata[_KEY])
            weights: dict[int, dict[str, Any]] = {int(place): {} for place in config["kernels"]}
            for key, array in tensors.items():
                place, name = key.split(".")
                weights[int(place)][name] = array
            return AdapterFile(
                config["name"],
                keras.saving.deserialize_keras_object(config["adapter"]),
                {int(place): kernel for place, kernel in config["kernels"].items()},
                weights,
                config["base"],
            )

    def check(self, adaptable_kernels: list[AdaptableKernel]) -> None:
        """Raises unless the kernels of a model match those that the adapter was made for."""
        for place, weights in self.weights.items():
            if place >= len(adaptable_kernels):
                raise received(
                    f"a model with a kernel like {self.paths[place]!r}",
                    kernels=len(adaptable_kernels),
                )
            new = self.adapter.new_weights(adaptable_kernels[place].view)
            shapes = {name: array.shape for name, array in weights.items() if name in new}
            if shapes != {name: weight.shape for name, weight in new.items()}:
                raise received(
                    f"a kernel of the shape of {self.paths[place]!r} in the file",
                    kernel=adaptable_kernels[place].kernel.path,
                    shape=tuple(adaptable_kernels[place].kernel.shape),
                )
